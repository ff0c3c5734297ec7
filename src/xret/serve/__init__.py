"""Answers over HTTP: a JSON API and one page that uses it.

``make_app(engines, settings, feedback)`` makes the application, `listen` runs it. An engine is an index with the model
that asks it; what it must do is said in `xret.serve.engine`. Only engines touch files of items and models; nothing here
opens a path that a client names.
"""
