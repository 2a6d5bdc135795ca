"""The shape of the YAML files, one file a concept. Field descriptions are the source of docs/configuration.md.

Models check what one value or block says; what blocks say together is the compiler's to judge.
"""
