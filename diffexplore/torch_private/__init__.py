"""The names of torch that this package needs and torch does not promise to keep, imported in this place alone.

Nothing public of torch tells which operation runs inside a backward pass, or lets a size be a symbol. What watches
operations imports from :mod:`~diffexplore.torch_private.watching`, what captures graphs from
:mod:`~diffexplore.torch_private.tracing` as well. Where the installed torch is too old or lacks a name, that import
raises a :class:`~diffexplore.errors.UsageError` that says so.
"""
