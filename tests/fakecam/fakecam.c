/* A Video4Linux camera that does what tests/fakecam.rs wants of it, put before the C
 * library by LD_PRELOAD. Built there: cc -shared -fPIC -o fakecam.so fakecam.c -ldl
 *
 * FAKECAM_DEVICE  the path that is the camera
 * FAKECAM_FRAME   a file with pictures of the same length, without padding, shown in turn
 * FAKECAM_COUNT   how many
 * FAKECAM_BYTES   how many bytes a row of its first plane has
 * FAKECAM_FORMAT  its code, four characters
 * FAKECAM_SIZE    WIDTHxHEIGHT
 * FAKECAM_TRICKS  what it does wrong, words apart by commas; see `does` below
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 4 << 20, BUFFERS = 4, PLANES = 3, GONE_AFTER = 20, DATA_OFFSET = 64 };

static int camera = -1;
static int streams, taken;
static unsigned char *memory, *picture;
static size_t picture_bytes;
static unsigned queued[BUFFERS], waiting, sequence;
static struct timespec next_at;

static const char *var(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int does(const char *trick) {
    const char *at = var("FAKECAM_TRICKS");
    size_t length = strlen(trick);
    for (; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !strncmp(at, trick, length)) return 1;
    return 0;
}

static unsigned code(const char *name) {
    return v4l2_fourcc(name[0], name[1], name[2], name[3]);
}

static unsigned width(void) { return does("huge") ? 65535 : atoi(var("FAKECAM_SIZE")); }
static unsigned height(void) {
    const char *x = strchr(var("FAKECAM_SIZE"), 'x');
    return does("huge") ? 65535 : x ? atoi(x + 1) : 0;
}

static int planes(void) {
    unsigned format = code(var("FAKECAM_FORMAT"));
    return format == V4L2_PIX_FMT_NV12M ? 2 : format == V4L2_PIX_FMT_YUV420M ? 3 : 1;
}

/* Bytes of a plane of the picture. */
static size_t share(int plane) {
    size_t luma = (size_t)width() * height();
    if (planes() == 1) return picture_bytes;
    return plane == 0 ? luma : luma / 2 / (planes() - 1);
}

static int padding(void) { return does("padded") ? 64 : 0; }

static size_t row(int plane) {
    size_t first = atoi(var("FAKECAM_BYTES"));
    return plane > 0 && planes() == 3 ? first / 2 : first;
}

static struct timespec now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t;
}

static long ms_until(struct timespec t) {
    struct timespec n = now();
    return (t.tv_sec - n.tv_sec) * 1000 + (t.tv_nsec - n.tv_nsec) / 1000000;
}

static void plan_next(void) {
    next_at = now();
    next_at.tv_nsec += 30000000;
    if (next_at.tv_nsec >= 1000000000) next_at.tv_sec++, next_at.tv_nsec -= 1000000000;
}

static int open_camera(void) {
    /* Once it was unplugged it is away for one attempt. */
    if (does("gone") && taken >= GONE_AFTER && streams == 1) {
        streams = 2;
        errno = ENOENT;
        return -1;
    }
    int file = open(var("FAKECAM_FRAME"), O_RDONLY);
    size_t bytes = lseek(file, 0, SEEK_END);
    lseek(file, 0, SEEK_SET);
    free(picture);
    picture = malloc(bytes);
    if (read(file, picture, bytes) != (ssize_t)bytes) abort();
    picture_bytes = bytes / atoi(var("FAKECAM_COUNT"));
    close(file);
    camera = memfd_create("camera", 0);
    size_t all = (size_t)ROOM * BUFFERS * PLANES;
    if (camera < 0 || ftruncate(camera, all)) abort();
    memory = mmap(0, all, PROT_READ | PROT_WRITE, MAP_SHARED, camera, 0);
    waiting = sequence = 0;
    return camera;
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...) {                                       \
        static int (*real)(const char *, int, ...);                                    \
        va_list more;                                                                  \
        va_start(more, flags);                                                         \
        int mode = va_arg(more, int);                                                  \
        va_end(more);                                                                  \
        if (*var("FAKECAM_DEVICE") && !strcmp(path, var("FAKECAM_DEVICE")))            \
            return open_camera();                                                      \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                     \
        return real(path, flags, mode);                                                \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd == camera) {
        camera = -1;
        munmap(memory, (size_t)ROOM * BUFFERS * PLANES);
    }
    return real(fd);
}

int poll(struct pollfd *asked, nfds_t count, int ms) {
    static int (*real)(struct pollfd *, nfds_t, int);
    static unsigned calls;
    if (!real) real = dlsym(RTLD_NEXT, "poll");
    if (count != 1 || camera < 0 || asked->fd != camera) return real(asked, count, ms);
    if (does("interrupted") && ++calls % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    long left = ms_until(next_at);
    if (left < 0) left = 0;
    if (!waiting || left > ms) {
        if (ms > 0) usleep(ms * 1000);
        return 0;
    }
    usleep(left * 1000);
    asked->revents = POLLIN;
    return 1;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static int answer_format(struct v4l2_format *f) {
    unsigned format = code(var("FAKECAM_FORMAT"));
    if (does("mplane")) {
        struct v4l2_pix_format_mplane *p = &f->fmt.pix_mp;
        p->width = width(), p->height = height(), p->pixelformat = format;
        p->num_planes = planes();
        for (int n = 0; n < planes(); n++) {
            p->plane_fmt[n].bytesperline = row(n) + padding();
            p->plane_fmt[n].sizeimage = ROOM;
        }
    } else {
        struct v4l2_pix_format *p = &f->fmt.pix;
        p->width = width(), p->height = height(), p->pixelformat = format;
        p->bytesperline = row(0) ? row(0) + padding() : 0;
        p->sizeimage = ROOM;
    }
    return 0;
}

static void fill(int index, int plane, size_t from, size_t *used) {
    unsigned char *to = memory + ((size_t)index * PLANES + plane) * ROOM;
    size_t offset = does("mplane") ? DATA_OFFSET : 0, bytes = share(plane), line = row(plane);
    if (!line) line = bytes;
    *used = offset;
    for (size_t at = 0; at < bytes; at += line) {
        memcpy(to + *used, picture + from + at, line);
        /* A sensor's noise, where it cannot spoil a JPEG. */
        if (row(plane))
            for (size_t n = rand() % 97; n < line; n += 97) to[*used + n] ^= 1;
        *used += line + padding();
    }
}

static int take(struct v4l2_buffer *b) {
    static unsigned calls;
    calls++;
    if (does("gone") && streams == 1 && taken >= GONE_AFTER) return fail(ENODEV);
    if (does("again") && calls % 3 == 0) return fail(EAGAIN);
    if (does("interrupted") && calls % 2 == 0) return fail(EINTR);
    if (!waiting || ms_until(next_at) > 0) return fail(EAGAIN);
    plan_next();
    taken++;
    b->index = queued[0];
    memmove(queued, queued + 1, --waiting * sizeof *queued);
    b->sequence = sequence++;
    size_t from = picture_bytes * (taken % atoi(var("FAKECAM_COUNT"))), used;
    for (int n = 0; n < planes(); from += share(n), n++) {
        fill(b->index, n, from, &used);
        if (does("mplane")) {
            b->m.planes[n].bytesused = used;
            b->m.planes[n].data_offset = DATA_OFFSET;
        } else {
            b->bytesused = used;
        }
    }
    struct timespec t = now();
    if (does("old3")) t.tv_sec -= 3;
    if (does("ahead3")) t.tv_sec += 3;
    if (does("no-time")) t.tv_sec = t.tv_nsec = 0;
    b->flags = does("no-clock") ? V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    if (does("damaged")) b->flags |= V4L2_BUF_FLAG_ERROR;
    b->timestamp.tv_sec = t.tv_sec;
    b->timestamp.tv_usec = t.tv_nsec / 1000;
    if (does("no-such-buffer")) b->index = 77;
    return 0;
}

static int answer(unsigned request, void *argument) {
    static unsigned calls;
    if (does("interrupted") && ++calls % 4 == 0) return fail(EINTR);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = argument;
        memset(c, 0, sizeof *c);
        strcpy((char *)c->card, "Fake\033[2J camera");
        c->device_caps = V4L2_CAP_STREAMING |
            (does("mplane") || does("no-planes") ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE);
        c->capabilities = c->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *f = argument;
        if (f->index > 0 && !does("endless-formats")) return fail(EINVAL);
        f->pixelformat = code(does("insists") ? "YUYV" : var("FAKECAM_FORMAT"));
        /* Each another one, behind the first. */
        if (f->index > 0) f->pixelformat += f->index << 24;
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *s = argument;
        if (s->index > 0 && !does("endless-sizes")) return fail(EINVAL);
        s->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        s->discrete.width = width() + s->index;
        s->discrete.height = height();
        return 0;
    }
    case VIDIOC_S_FMT:
        return answer_format(argument);
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *p = argument;
        p->parm.capture.timeperframe = (struct v4l2_fract){1, 30};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *r = argument;
        if (r->count == 0) return does("keeps-buffers") ? fail(EBUSY) : 0;
        if (r->count > BUFFERS) r->count = BUFFERS;
        if (does("one-buffer")) r->count = 1;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = argument;
        size_t at = (size_t)b->index * PLANES * ROOM;
        if (does("mplane")) {
            for (int n = 0; n < planes(); n++) {
                b->m.planes[n].length = ROOM;
                b->m.planes[n].m.mem_offset = at + (size_t)n * ROOM;
            }
        } else {
            b->length = ROOM;
            b->m.offset = at;
        }
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *b = argument;
        if (b->index >= BUFFERS || waiting >= BUFFERS) return fail(EINVAL);
        queued[waiting++] = b->index;
        return 0;
    }
    case VIDIOC_STREAMON:
        if (does("no-bandwidth")) return fail(ENOSPC);
        streams++;
        plan_next();
        return 0;
    case VIDIOC_STREAMOFF:
        waiting = 0;
        if (does("stops-with-eio")) return fail(EIO);
        return does("stops-with-einval") ? fail(EINVAL) : 0;
    case VIDIOC_DQBUF:
        return take(argument);
    }
    return fail(ENOTTY);
}

int ioctl(int fd, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (camera >= 0 && fd == camera) return answer((unsigned)request, argument);
    if (!real) real = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    long a[6];
    va_list more;
    va_start(more, number);
    for (int n = 0; n < 6; n++) a[n] = va_arg(more, long);
    va_end(more);
    if (number == SYS_ioctl && camera >= 0 && (int)a[0] == camera)
        return answer((unsigned)a[1], (void *)a[2]);
    if (!real) real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
