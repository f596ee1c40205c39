# SPDX-License-Identifier: ISC
"""Numbers of the messages between the processes, from the headers that both sides are made of."""

import os
import re

from lib import rig as rigs


def _read(name):
    with open(os.path.join(rigs.REPO, "common", "ipc", name)) as header:
        return re.sub(r"/\*.*?\*/", "", header.read(), flags=re.S)


HEADER = _read("proto.h")
TYPES = {name: i for i, name in enumerate(re.findall(r"^MESSAGE\((IMSG_\w+)", _read("messages.h"), re.M), 1)}
WHY = {i: name[4:] for i, name in enumerate(re.findall(r"WHY_\w+", HEADER.split("enum fail_why {")[1].split("};")[0]))}
