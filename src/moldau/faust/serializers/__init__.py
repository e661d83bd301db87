"""Serializers: `from moldau.faust.serializers import codecs`."""
