"""Builds WebAssembly components from JavaScript, with npm's componentize-js."""
import glob
import os
import re
import shutil
import subprocess

import pytest

BUILD = """
import { componentize } from '@bytecodealliance/componentize-js';
import { readFileSync, writeFileSync } from 'node:fs';
const made = await componentize(readFileSync('main.js', 'utf8'),
  { witPath: 'wit', worldName: 'app', sourceName: 'main.js', disableFeatures: ['fetch-event', 'http'] });
writeFileSync('app.wasm', made.component);
"""


def build(folder, source, imports, packages=None):
    """A component's bytes: `imports` beside `wasi:http/types`, VERSION in both is that of the interfaces that a build of
    ebb has fetched, and `packages` are more of them by folder name."""
    home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    found = sorted(glob.glob(f"{home}/registry/src/*/wasmtime-wasi-http-*/wit/deps"))
    if not found or not shutil.which("npm"):
        pytest.skip("needs npm, and the sources of wasmtime-wasi-http that a build of ebb has fetched")
    with open(found[-1] + "/http.wit") as interface:
        version = re.search(r"package wasi:http@([\d.]+)", interface.read())[1]
    shutil.copytree(found[-1], folder / "wit" / "deps")
    for name, text in (packages or {}).items():
        (folder / "wit" / "deps" / f"{name}.wit").write_text(text)
    lines = [f"import {name};" for name in ("wasi:http/types@VERSION", *imports)]
    world = "\n".join(["package test:app;", "world app {", *lines, "export wasi:http/incoming-handler@VERSION;", "}"])
    (folder / "wit" / "world.wit").write_text(world.replace("VERSION", version))
    (folder / "main.js").write_text(source.replace("VERSION", version))
    (folder / "build.mjs").write_text(BUILD)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "@bytecodealliance/componentize-js"],
                   cwd=folder, check=True)
    subprocess.run(["node", "build.mjs"], cwd=folder, check=True)
    return (folder / "app.wasm").read_bytes()
