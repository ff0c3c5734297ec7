"""The commands, one file each: the only code that sees a config.

A command module holds ``run(cfg) -> None``. It is started by `xret.commands._launch.launch`, which composes
``conf/<command>.yaml`` with what stands on the command line. Importing it is cheap; heavy imports live in functions.
"""
