"""The console: server-rendered pages over the same operations as the REST API.

How to add a page:

1. A module ``pages/<area>.py`` with ``router = APIRouter(include_in_schema=False)`` and a route
   whose parameters are those of the REST resources (``firesteel.admin.resources.given``). It calls
   the resource's own function and ends with ``return await render(request, "<area>/<page>.html",
   lanes=found)``. A right is asked for by ``Viewer``, ``Operator``, ``Editor``, ``Administrator``.
2. Put the module into ``PAGES`` in ``app.py``; its entry in ``navigation.py`` is there already.
3. A template ``templates/<area>/<page>.html``::

       {% extends "base.html" %}
       {% import "ui.html" as ui with context %}
       {% block title %}Lanes{% endblock %}
       {% block content %} ... {{ ui.empty("No lanes", "...") }} ... {% endblock %}

   Blocks: ``title``, ``lead`` (a sentence under it), ``actions`` (buttons beside it), ``tabs``,
   ``content``, ``scripts`` (``<script src="{{ asset('editor.js') }}" defer></script>``).
4. A form posts to its own address, by ``{% call ui.form(action) %}``, which holds the CSRF token;
   the route answers ``redirect(request, to, note="Saved.")``. A FiresteelError that leaves a route
   becomes an error page, or a note above the page where htmx asked.
5. No inline script or style: what a page does in the browser is a module in
   ``frontend/src/behaviours``, what it looks like in ``frontend/src/styles``; ``make setup``
   rebuilds them. Icons are named in ``frontend/icons.txt``.

What pages are made of (macros, their parameters) is documented at the head of
``templates/ui.html``.
"""
