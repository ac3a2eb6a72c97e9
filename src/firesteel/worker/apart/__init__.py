"""What runs user's code for people who try it: in a process of its own, beside the attempts.

A worker starts that process, which has the worker's bounds, a lower priority and an end that is
sure; whatever the code does, no execution loses an attempt for it.
"""
