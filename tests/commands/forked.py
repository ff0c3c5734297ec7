"""What a forked process does: run a command, with files in place of its output. The upper-case names are given."""

import os
import sys
import warnings

os.chdir(FOLDER)  # noqa: F821
os.environ.clear()
os.environ.update(ENV)  # noqa: F821
for number, path in ((1, OUT), (2, ERR)):  # noqa: F821
    os.dup2(os.open(path, os.O_WRONLY), number)
warnings.resetwarnings()
warnings.simplefilter("ignore")
sys.argv = ["xret", *ARGUMENTS]  # noqa: F821

from xret.cli import main  # noqa: E402

main()
