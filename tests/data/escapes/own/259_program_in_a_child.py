# family: processes
# kind: value
# tries: fork and exec by the bare calls, its output by a pipe, its input by another
# success looks like: output of id (uid=)
def job(plugin):
  @LIBC@
  answers = []
  try:
    read, write = os.pipe()
  except OSError as error:
    answers.append(str(error))
    read, write = 0, 3
  for start in (os.fork, os.vfork if hasattr(os, 'vfork') else os.fork):
    try:
      if start() == 0:
        try:
          os.dup2(write, 1)
        except OSError:
          pass
        try:
          os.execv('/usr/bin/id', ['id'])
        finally:
          os._exit(1)
    except OSError as error:
      answers.append(str(error))
  try:
    os.posix_spawn('/usr/bin/id', ['id'], {}, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
  except OSError as error:
    answers.append(str(error))
  return [answers, os.read(read, 200)]
