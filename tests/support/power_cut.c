/* Remembers what was forced to the disk, so that a test can cut the power.

   fsync and fdatasync copy the file into $POWER_CUT/<inode>, or write down a folder's names and
   inodes in $POWER_CUT/<inode>.names. Whoever reads the kernel's boot id gets $POWER_CUT/boot_id:
   after a power cut it is another one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *disk(void)
{
    return getenv("POWER_CUT");
}

static void names_of(int file, FILE *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            fprintf(out, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    if (folder)
        closedir(folder);
}

static void remember(int file)
{
    struct stat what;
    char draft[4096], final[4096], octets[65536], path[64];
    if (!disk() || fstat(file, &what))
        return;
    int is_folder = S_ISDIR(what.st_mode);
    if (!is_folder && !S_ISREG(what.st_mode))
        return;
    snprintf(final, sizeof final, "%s/%lu%s", disk(), (unsigned long)what.st_ino,
             is_folder ? ".names" : "");
    snprintf(draft, sizeof draft, "%s.%ld.part", final, (long)syscall(SYS_gettid));
    FILE *out = fopen(draft, "w");
    if (!out)
        return;
    if (is_folder) {
        names_of(file, out);
    } else {
        /* Another description of the file: ours may not be open for reading, and its place stays. */
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        int in = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        ssize_t count;
        while (in >= 0 && (count = read(in, octets, sizeof octets)) > 0)
            fwrite(octets, 1, (size_t)count, out);
        if (in >= 0)
            close(in);
    }
    fclose(out);
    rename(draft, final);
}

int fsync(int file)
{
    int failed = (int)syscall(SYS_fsync, file);
    if (!failed)
        remember(file);
    return failed;
}

int fdatasync(int file)
{
    int failed = (int)syscall(SYS_fdatasync, file);
    if (!failed)
        remember(file);
    return failed;
}

static int opened(const char *path, int flags, mode_t mode)
{
    char other[4096];
    if (disk() && !strcmp(path, "/proc/sys/kernel/random/boot_id")) {
        snprintf(other, sizeof other, "%s/boot_id", disk());
        path = other;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags | O_LARGEFILE, mode);
}
