"""Judges records by a JSON Schema with a validator that is not ours (Debian's python3-jsonschema).

usage: judge-by-schema.py SCHEMA < records, one JSON object per line
Prints a JSON array: for each record null, or what is wrong with it.
"""
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
faults = [next(validator.iter_errors(json.loads(line)), None) for line in sys.stdin]
print(json.dumps([fault and fault.message for fault in faults]))
