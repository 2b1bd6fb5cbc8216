"""What an expert reads first in the folder of a blind study."""

from collections.abc import Sequence

from napari_qualify.evaluate.blind_form import Question

_TEXT = """\
Micrographs to judge
====================

Please give a verdict for each micrograph and each criterion:

  accept    it meets the criterion
  reject    it does not
  unsure    you cannot tell

In napari: Layers > Classify > Evaluate blind, open this folder, write your name,
and press A, R or U. Every verdict is saved at once; you can stop and go on later.

Without napari: {form} in a spreadsheet. Fill the columns
verdict (accept, reject or unsure) and expert (your name), and note if you like.
Save it as CSV, and change neither the names in the column image nor the files.

Judge each micrograph by itself. Names and order are random. Some micrographs may
come twice. Please do not talk about them with other experts before all are done.

{criteria}"""


def instructions(questions: Sequence[Question], experts: int) -> str:
    """Spell the README of a study."""
    form = "open form.csv" if experts == 1 else "open one of the forms form-1.csv, ..., your own,"
    lines = ["Criteria", "--------"]
    for question in questions:
        lines += ["", question.name]
        lines += [f"  accept: {words}" for words in question.accept]
        lines += [f"  reject: {words}" for words in question.reject]
    return _TEXT.format(form=form, criteria="\n".join(lines) + "\n")
