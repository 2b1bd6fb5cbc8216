"""What the commands of the command line do; `napari_qualify.cli` has their options."""
