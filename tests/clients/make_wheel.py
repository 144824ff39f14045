"""Makes a small wheel: make_wheel.py FOLDER NAME VERSION REQUIRES_PYTHON [REQUIREMENT]..."""

import base64
import hashlib
import sys
import zipfile

folder, name, version, requires_python, *requirements = sys.argv[1:]
module = name.replace("-", "_").replace(".", "_").lower()
info = f"{module}-{version}.dist-info"
metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: for tests\nRequires-Python: {requires_python}\n"
metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements)
files = {
    f"{module}.py": f'VERSION = "{version}"\n',
    f"{info}/METADATA": metadata,
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def line(path, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text)}\n"


record = "".join(line(path, text) for path, text in files.items()) + f"{info}/RECORD,,\n"
with zipfile.ZipFile(f"{folder}/{module}-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
    for path, text in {**files, f"{info}/RECORD": record}.items():
        wheel.writestr(path, text)
