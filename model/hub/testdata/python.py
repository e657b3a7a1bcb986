"""What Python's huggingface_hub does with a cache that golens shares with it."""
import os
import sys

from filelock import FileLock, Timeout
from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache

verb, args = sys.argv[1], sys.argv[2:]
if verb == "version":
    import huggingface_hub

    print(huggingface_hub.__version__)
elif verb == "read":  # offline: MODEL REVISION FILE... ; prints where each file is
    for name in args[2:]:
        print(hf_hub_download(args[0], name, revision=args[1]))
elif verb == "absent":  # MODEL REVISION FILE: is it known not to exist?
    print(try_to_load_from_cache(args[0], args[2], revision=args[1]) is _CACHED_NO_EXIST)
elif verb == "scan":  # complaints of Python about the cache, and what it finds
    found = scan_cache_dir()
    for w in found.warnings:
        print("warning", w)
    for repo in found.repos:
        for revision in repo.revisions:
            print(repo.repo_id, revision.commit_hash, ",".join(sorted(revision.refs)), len(revision.files))
elif verb == "fetch":  # MODEL REVISION PATTERN...
    print(snapshot_download(args[0], revision=args[1], allow_patterns=args[2:]))
elif verb == "hold":  # LOCK: hold it until standard input ends
    os.makedirs(os.path.dirname(args[0]), exist_ok=True)
    with FileLock(args[0]):
        print("held", flush=True)
        sys.stdin.read()
elif verb == "try":  # LOCK: is it free?
    try:
        with FileLock(args[0], timeout=0.3):
            print("free")
    except Timeout:
        print("taken")
