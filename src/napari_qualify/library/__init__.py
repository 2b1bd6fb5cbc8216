"""The library on disk: criteria, references, embeddings, phases, assessments, log.

A Zarr v3 group of format 0 (a draft). Its root attribute ``napari_qualify`` is
the manifest: it lists what counts, and replacing it is the commit of a write.

    zarr.json                     the manifest
    criteria/<node>               attribute ``criterion``
    references/<node>             attribute ``reference``; arrays ``thumbnail`` and,
                                  where no file has them, ``pixels``
    embeddings/<fingerprint>      attribute ``description``; arrays ``vectors``
                                  (n, d) float32, ``keys``, ``precision``
    phases/<node>                 an OME-Zarr 0.5 image-label
    assessments/records           texts of JSON
    log/entries                   texts of JSON, each with the hash of the one before
"""
