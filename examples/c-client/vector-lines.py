"""Writes protocol/vectors as lines that vector-check reads: the messages and frames that a client receives.

usage: vector-lines.py VECTORS_FOLDER
"""

import json
import pathlib
import sys

RECEIVED = {"Welcome", "GoAway", "Error", "Begin", "Delta", "Result", "End"}
# Frames that are only wrong in what they mean together with others, or in their body: the message vectors cover those.
FRAME_RULES = {"H1", "H2", "H3", "H4", "H5", "H7", "H8", "P2", "P3", "P4"}


def main(folder):
    for file in sorted((folder / "messages").glob("*.json")):
        for vector in json.loads(file.read_text()):
            if vector["message"] in RECEIVED:
                expected = "valid" if vector["valid"] else vector["error"]
                print("message", vector["message"], expected, vector.get("element_limit", 16384), vector["hex"])
    for file in sorted((folder / "frames").glob("*.json")):
        for vector in json.loads(file.read_text()):
            if vector["receiver"] == "client" and vector.get("rule", "H1") in FRAME_RULES:
                print("frame", vector.get("error", "valid"), vector["hex"])


main(pathlib.Path(sys.argv[1]))
