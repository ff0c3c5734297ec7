"""The command line: knows the names of the commands and imports nothing heavy."""

import os
import re
import sys

COMMANDS = {
    "train": "declare, train, evaluate and record one experiment",
    "evaluate": "measure a trained run again: another split, data set or protocol",
    "compare": "runs side by side: mean, interval, difference to a baseline, verdict, cost",
    "explain": "why a picture and a text are close: heat on the picture, weights of the words, the best wrong answer",
    "embed": "what a trained run makes of a gallery, as a folder of vectors",
    "build": "a search index from a folder of vectors, with what it loses against exact search",
    "search": "ask an index: a text or a picture in, the nearest items out",
    "serve": "a search page and a JSON API, for one index or two side by side",
    "caption": "let a model write more captions for the training pictures, into a table to train on",
    "clean": "a cleaned copy of a data set, with every change and its reason",
    "label": "attributes of the rows from weak sources: words, neighbours, models",
    "dirty": "plant known dirt in a data set, into a table to clean and to train on",
    "data": "what a data set holds (data card ...), or the same in another form (data convert ... to=webdataset)",
    "cache": "list or clear the stored features of frozen encoders",
}

COMMAND = "XRET_COMMAND"  # environment: the running command, for processes that repeat the arguments behind it

_RANGE = re.compile(r"([\w.]+)=([^'\"]*\{\d+\.\.\d+\}[^'\"]*)")  # of shards, which Hydra would take for a dictionary

HELP = """xret: a bench for cross-modal retrieval

usage: xret COMMAND [group=option] [key=value] [-m]

{commands}

xret COMMAND --help shows the groups, options and defaults of a command; --cfg job prints the config it would run.
Completion in bash: eval "$(xret -sc install=bash)"
"""


def main() -> None:
    """Run the command named on the command line.

    Exits with 0 when it is done, 2 on the user's mistake (one line on stderr), 1 on anything else and 130 on Ctrl-C.
    """
    arguments = sys.argv[1:]
    if "LOCAL_RANK" in os.environ and COMMAND in os.environ:  # Lightning starts a process of its own per device
        arguments = [os.environ[COMMAND], *arguments]
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(HELP.format(commands="\n".join(f"  {name:<10} {line}" for name, line in COMMANDS.items())), end="")
        sys.exit(0 if arguments else 2)
    if arguments[0] == "--version":
        from xret import __version__

        print(__version__)
        sys.exit(0)
    if arguments[0] in {"-sc", "--shell-completion"}:
        _complete(arguments)
        return
    command, *rest = arguments
    if command not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        print(f"xret: no command {command!r}; {hint}", file=sys.stderr)
        sys.exit(2)
    from xret.commands._launch import launch

    if command == "data" and rest and rest[0].isalpha():  # data convert ...
        rest[0] = f"action={rest[0]}"
    rest = [f"{m[1]}='{m[2]}'" if (m := _RANGE.fullmatch(word)) else word for word in rest]
    sys.exit(launch(command, rest))


def _complete(arguments: list[str]) -> None:
    """Answer bash: the command's name is completed here, everything behind it by Hydra."""
    from xret.commands._launch import launch

    if not arguments[-1].startswith("query"):
        sys.exit(launch("train", arguments))
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
        print(" ".join(COMMANDS))
        return
    command = words[1]
    if command in COMMANDS:
        os.environ["COMP_LINE"] = line.replace(f"{command} ", "", 1)
        os.environ["COMP_POINT"] = str(len(os.environ["COMP_LINE"]))
        sys.exit(launch(command, arguments))
