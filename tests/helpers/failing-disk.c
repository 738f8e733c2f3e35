/*
 * A disk that fails: loaded before libc (LD_PRELOAD), it makes calls on the database's files fail as the file named by FAILING_DISK says:
 * "<write|sync> <errno> <which> <how many>", counted from 1 since the file last changed; how many 0: all from then on. "short" for errno: half of the
 * bytes are written. No such file, or an empty one: nothing fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);
typedef int (*sync_call)(int);

static const int kShort = -1;

/* Whether the descriptor is of retort.db, its log or its index of the log. */
static int is_database(int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  const char *name = strrchr(path, '/');
  return name != NULL && strncmp(name, "/retort.db", 10) == 0;
}

/* 0: goes well; kShort: half of it; otherwise the errno to fail with. */
static int verdict(const char *kind, int fd) {
  static char last[128];
  static int calls;
  const char *control = getenv("FAILING_DISK");
  if (control == NULL || !is_database(fd)) return 0;
  char text[128] = "";
  FILE *file = fopen(control, "r");
  if (file != NULL) {
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
  }
  if (strcmp(text, last) != 0) {
    strcpy(last, text);
    calls = 0;
  }
  char wanted[16];
  char error[16];
  int which;
  int count;
  if (sscanf(text, "%15s %15s %d %d", wanted, error, &which, &count) != 4 || strcmp(wanted, kind) != 0) return 0;
  calls++;
  if (calls < which || (count > 0 && calls >= which + count)) return 0;
  return strcmp(error, "short") == 0 ? kShort : atoi(error);
}

ssize_t write(int fd, const void *data, size_t bytes) {
  static write_call real;
  if (real == NULL) real = (write_call)dlsym(RTLD_NEXT, "write");
  int fault = verdict("write", fd);
  if (fault == kShort) return real(fd, data, bytes / 2);
  if (fault == 0) return real(fd, data, bytes);
  errno = fault;
  return -1;
}

static ssize_t failing_pwrite(const char *name, int fd, const void *data, size_t bytes, off_t at) {
  static pwrite_call real;
  if (real == NULL) real = (pwrite_call)dlsym(RTLD_NEXT, name);
  int fault = verdict("write", fd);
  if (fault == kShort) return real(fd, data, bytes / 2, at);
  if (fault == 0) return real(fd, data, bytes, at);
  errno = fault;
  return -1;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) { return failing_pwrite("pwrite", fd, data, bytes, at); }

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
  return failing_pwrite("pwrite64", fd, data, bytes, at);
}

static int failing_sync(const char *name, int fd) {
  int fault = verdict("sync", fd);
  if (fault == 0) return ((sync_call)dlsym(RTLD_NEXT, name))(fd);
  errno = fault;
  return -1;
}

int fsync(int fd) { return failing_sync("fsync", fd); }

int fdatasync(int fd) { return failing_sync("fdatasync", fd); }
