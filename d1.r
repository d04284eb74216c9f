/tmp/dev/bin/python: can't open file '/work/main/d1r.py': [Errno 2] No such file or directory
