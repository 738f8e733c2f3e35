/*
 * A process that dies while it writes: loaded before libc (LD_PRELOAD), it counts the calls that change what lies in the folder DYING_FOLDER and kills the
 * process in place of number DYING_AT (from 1; 0: never). Of a write half of the bytes are written before, where the number is even. A process that ends by
 * itself leaves its count in the file DYING_COUNT, where one is named. DYING_NO_LINKS: the folder's disk gives a file one name only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

static int is_inside(const char *path) {
  const char *folder = getenv("DYING_FOLDER");
  return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_file_inside(int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return is_inside(path);
}

/* The number of this call where the process is to die in it; otherwise 0. */
static int deadly(void) {
  const char *at = getenv("DYING_AT");
  int number = atomic_fetch_add(&calls, 1) + 1;
  return at != NULL && number == atoi(at) ? number : 0;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void count_path(const char *path) {
  if (is_inside(path) && deadly()) die();
}

static void count_file(int fd) {
  if (is_file_inside(fd) && deadly()) die();
}

__attribute__((destructor)) static void report(void) {
  const char *name = getenv("DYING_COUNT");
  FILE *file = name == NULL ? NULL : fopen(name, "w");
  if (file == NULL) return;
  fprintf(file, "%d", calls);
  fclose(file);
}

typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);

ssize_t write(int fd, const void *data, size_t bytes) {
  write_call real = REAL("write", write_call);
  int number = is_file_inside(fd) ? deadly() : 0;
  if (number == 0) return real(fd, data, bytes);
  if (number % 2 == 0) (void)!real(fd, data, bytes / 2);
  die();
  return -1;
}

static ssize_t dying_pwrite(const char *name, int fd, const void *data, size_t bytes, off_t at) {
  pwrite_call real = REAL(name, pwrite_call);
  int number = is_file_inside(fd) ? deadly() : 0;
  if (number == 0) return real(fd, data, bytes, at);
  if (number % 2 == 0) (void)!real(fd, data, bytes / 2, at);
  die();
  return -1;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) { return dying_pwrite("pwrite", fd, data, bytes, at); }

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) { return dying_pwrite("pwrite64", fd, data, bytes, at); }

int fsync(int fd) {
  count_file(fd);
  return REAL("fsync", int (*)(int))(fd);
}

int fdatasync(int fd) {
  count_file(fd);
  return REAL("fdatasync", int (*)(int))(fd);
}

int ftruncate(int fd, off_t bytes) {
  count_file(fd);
  return REAL("ftruncate", int (*)(int, off_t))(fd, bytes);
}

int ftruncate64(int fd, off64_t bytes) {
  count_file(fd);
  return REAL("ftruncate64", int (*)(int, off64_t))(fd, bytes);
}

static int dying_open(const char *name, const char *path, int flags, mode_t mode) {
  if (flags & O_CREAT) count_path(path);
  return REAL(name, int (*)(const char *, int, ...))(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return dying_open("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return dying_open("open64", path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
  count_path(path);
  return REAL("mkdir", int (*)(const char *, mode_t))(path, mode);
}

int rmdir(const char *path) {
  count_path(path);
  return REAL("rmdir", int (*)(const char *))(path);
}

int unlink(const char *path) {
  count_path(path);
  return REAL("unlink", int (*)(const char *))(path);
}

int rename(const char *from, const char *to) {
  count_path(to);
  return REAL("rename", int (*)(const char *, const char *))(from, to);
}

int link(const char *from, const char *to) {
  count_path(to);
  if (is_inside(to) && getenv("DYING_NO_LINKS") != NULL) {
    errno = EPERM;
    return -1;
  }
  return REAL("link", int (*)(const char *, const char *))(from, to);
}
