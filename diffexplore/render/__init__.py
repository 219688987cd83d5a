"""From a Report to what people and programs read: terminal, Markdown, HTML, JSON.

Nothing here computes a derivative or decides a verdict. :mod:`~diffexplore.render.outline` says once, in
blocks, what a reader sees and in which order; ``terminal``, ``markdown`` and ``html`` each draw those blocks.
All words are written in Unicode, and translated to ASCII only where the output cannot take them.
"""
