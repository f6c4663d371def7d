# family: system-calls
# kind: value
# machine: x86_64
# tries: every system call that leads out, with arguments that would do nothing
# success looks like: a call that is answered by another error than that it is not permitted
def job(plugin):
  @LIBC@
  calls = {
    'fork': (57,), 'vfork-like clone': (56, 0x11, 0, 0, 0, 0), 'clone into a cgroup': (435, 0, 0),
    'execve': (59, 0, 0, 0), 'execveat': (322, -1, 0, 0, 0, 0x1000),
    'open': (2, 0, 0, 0), 'openat': (257, -100, 0, 0, 0), 'openat2': (437, -100, 0, 0, 0),
    'creat': (85, 0, 0), 'stat': (4, 0, 0), 'statx': (332, -1, 0, 0, 0, 0), 'access': (21, 0, 0),
    'readlink': (89, 0, 0, 0), 'getdents64': (217, -1, 0, 0), 'chdir': (80, 0), 'fchdir': (81, -1),
    'chroot': (161, 0), 'pivot_root': (155, 0, 0), 'mount': (165, 0, 0, 0, 0, 0), 'umount2': (166, 0, 0),
    'open_tree': (428, -1, 0, 0), 'move_mount': (429, -1, 0, -1, 0, 0), 'fsopen': (430, 0, 0),
    'mount_setattr': (442, -1, 0, 0, 0, 0), 'symlink': (88, 0, 0), 'link': (86, 0, 0),
    'rename': (82, 0, 0), 'unlink': (87, 0), 'mkdir': (83, 0, 0), 'mknod': (133, 0, 0, 0),
    'truncate': (76, 0, 0), 'chmod': (90, 0, 0), 'chown': (92, 0, 0, 0), 'setxattr': (188, 0, 0, 0, 0, 0),
    'name_to_handle_at': (303, -100, 0, 0, 0, 0), 'open_by_handle_at': (304, -1, 0, 0),
    'socket': (41, 1, 1, 0), 'socketpair': (53, 1, 1, 0, 0), 'netlink': (41, 16, 3, 0),
    'packet': (41, 17, 3, 0), 'vsock': (41, 40, 1, 0), 'algorithms': (41, 38, 5, 0),
    'connect': (42, 3, 0, 0), 'bind': (49, 3, 0, 0), 'listen': (50, 3, 0), 'accept': (43, 3, 0, 0),
    'kill': (62, 1, 0), 'tkill': (200, 1, 0), 'tgkill another': (234, 1, 1, 0),
    'sigqueue': (129, 1, 0, 0), 'tgsigqueue': (297, 1, 1, 0, 0), 'pidfd_open': (434, 1, 0),
    'pidfd_send_signal': (424, -1, 0, 0, 0), 'pidfd_getfd': (438, -1, 0, 0),
    'ptrace': (101, 16, 1, 0, 0), 'process_vm_readv': (310, 1, 0, 0, 0, 0, 0),
    'process_vm_writev': (311, 1, 0, 0, 0, 0, 0), 'process_madvise': (440, -1, 0, 0, 0, 0),
    'kcmp': (312, 1, 1, 0, 0, 0), 'unshare': (272, 0x80000000), 'setns': (308, -1, 0),
    'setuid': (105, 4294967295), 'setgid': (106, 4294967295), 'setresuid': (117, -1, -1, -1),
    'setgroups': (116, 1, 0), 'capset': (126, 0, 0), 'setsid': (112,), 'setpgid': (109, 1, 1),
    'prctl dumpable': (157, 4, 2, 0, 0, 0), 'seccomp': (317, 9, 0, 0), 'personality': (135, 4294967295),
    'bpf': (321, 99, 0, 0), 'perf_event_open': (298, 0, 0, 0, 0, 0), 'userfaultfd': (323, 0xff0000),
    'io_uring_setup': (425, 0, 0), 'io_uring_enter': (426, -1, 0, 0, 0, 0, 0), 'io_setup': (206, 0, 0),
    'add_key': (248, 0, 0, 0, 0, 0), 'request_key': (249, 0, 0, 0, 0), 'keyctl': (250, 99, 0, 0, 0, 0),
    'memfd_create': (319, 0, 0), 'memfd_secret': (447, 0xffff), 'shmget': (29, 0x5047, 0, 0),
    'shmat': (30, -1, 0, 0), 'msgget': (68, 0x5048, 0), 'semget': (64, 0x5049, 0, 0), 'mq_open': (240, 0, 0, 0, 0),
    'inotify_init1': (294, 0xffff), 'inotify_add_watch': (254, -1, 0, 0), 'fanotify_init': (300, 0xffff, 0),
    'setrlimit': (160, 99, 0), 'prlimit64': (302, 1, 99, 0, 0), 'sched_setscheduler': (144, 0, 99, 0),
    'sched_setaffinity': (203, 0, 0, 0), 'setpriority': (141, 99, 0, 0), 'ioprio_set': (251, 99, 0, 0),
    'settimeofday': (164, 1, 0), 'clock_settime': (227, 99, 0), 'adjtimex': (159, 0), 'sethostname': (170, 0, -1),
    'reboot': (169, 0, 0, 0, 0), 'syslog': (103, 99, 0, 0), 'swapon': (167, 0, 0), 'acct': (163, 1),
    'init_module': (175, 0, 0, 0), 'finit_module': (313, -1, 0, 0), 'kexec_load': (246, 0, 99, 0, 0),
    'iopl': (172, 4), 'ioperm': (173, 0, 0, 0), 'modify_ldt': (154, 99, 0, 0), 'quotactl': (179, 99, 0, 0, 0),
    'ioctl of a terminal': (16, 0, 0x5412, 0), 'fcntl': (72, 3, 8, 1), 'dup': (32, 3), 'dup2': (33, 3, 9),
    'splice': (275, -1, 0, -1, 0, 0, 0), 'vmsplice': (278, -1, 0, 0, 0), 'sendfile': (40, -1, -1, 0, 0),
    'copy_file_range': (326, -1, 0, -1, 0, 0, 0), 'migrate_pages': (256, 0, 0, 0, 0), 'move_pages': (279, 1, 0, 0, 0, 0, 0),
    'mlockall': (151, 0), 'remap_file_pages': (216, 0, 0, 0, 0, 0), 'landlock_create_ruleset': (444, 0, 0, 99),
    'executable mmap': (9, 0, 4096, 7, 0x22, -1, 0), 'x32 getpid': (0x40000000 + 39,),
    'timer_create': (222, 99, 0, 0), 'alarm': (37, 0), 'setitimer': (38, 99, 0, 0), 'umask': (95, 63),
  }
  open_ways = []
  for name in calls:
    c.set_errno(0)
    answer = call(*calls[name])
    number = c.get_errno()
    if name in ('fork', 'vfork-like clone') and answer == 0:
      os._exit(0)
    if not (answer == -1 and number in (1, 13, 38)):
      open_ways.append('%s: %d, errno %d' % (name, answer, number))
  return open_ways
