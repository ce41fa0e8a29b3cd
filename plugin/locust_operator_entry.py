"""The only ``-f`` file when nobody said which locustfile to load.

A ``-f`` from the operator hides what the image, the environment or a config
file names, so this file lets Locust look for it once more, as if the operator
had given no ``-f``, and shows Locust what it found as its own content.
"""

from __future__ import annotations

import os
import sys

from locust import argument_parser


def _import_runtime():
    """The plugin's modules, or None: a user's test must run without them too."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(own)
    try:
        import locust_operator_runtime

        return locust_operator_runtime
    except Exception as error:
        sys.stderr.write(f"locust-operator: the plugin could not be loaded, the test goes on without it: {error!r}\n")
        return None
    finally:
        # the last one: Locust put its own copy in front and takes it away by position
        del sys.path[len(sys.path) - 1 - sys.path[::-1].index(own)]


def _arguments_without(entry: str, arguments: list[str]) -> list[str]:
    """The command line without the flag that names this file."""
    kept: list[str] = []
    for argument in arguments:
        if argument == entry and kept and kept[-1].startswith("-"):
            kept.pop()
        elif not (argument.startswith("-") and argument.endswith(entry)):
            kept.append(argument)
    return kept


def _names_master_as_source(arguments: list[str]) -> bool:
    """Whether the locustfile is to come from the master (``-f -``)."""
    options, _ = argument_parser.get_empty_argument_parser(add_help=False).parse_known_args(args=arguments)
    return options.locustfile == "-"


def _find(arguments: list[str]) -> list[str]:
    """The locustfiles by Locust's own rules; a missing one ends the process with Locust's own words."""
    found = argument_parser.parse_locustfile_option(args=arguments)
    if isinstance(found, list):
        return found
    if isinstance(found, tuple):
        return found[1]
    return argument_parser.get_locustfiles_locally(found)


def _load(files: list[str]) -> dict[str, type]:
    """User and shape classes of the files, by name."""
    from locust import main as locust_main

    merge = getattr(locust_main, "merge_locustfiles_content", None)
    if merge is not None:
        users, shapes = merge(files)[:2]
        return {**users, **{type(shape).__name__: type(shape) for shape in shapes.values()}}
    classes: dict[str, type] = {}
    for file in files:
        users, shapes = locust_main.load_locustfile(file)[-2:]
        classes.update({type(shape).__name__: type(shape) for shape in shapes})
        for name, user_class in users.items():
            known = classes.setdefault(name, user_class)
            if sys.modules[known.__module__] is not sys.modules[user_class.__module__]:
                sys.stderr.write(f"Duplicate user class names: {name} is defined in more than one locustfile\n")
                sys.exit(1)
    return classes


def _classes() -> dict[str, type]:
    runtime = _import_runtime()
    if runtime is not None and runtime.entry_classes is not None:
        return runtime.entry_classes
    arguments = _arguments_without(__file__, sys.argv[1:])
    if runtime is not None:
        runtime.end_on_early_sigterm()
        if _names_master_as_source(arguments):
            runtime.wait_for_master()
    files = _find(arguments)
    classes = _load(files)
    if runtime is not None:
        runtime.entry_classes = classes
        runtime.start(files)
    return classes


globals().update(_classes())
