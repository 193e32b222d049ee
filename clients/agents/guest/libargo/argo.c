/* See argo.h. A socket has a session of its own with the agent (docs/agent.md: "session"), and one ring in it. Frames are
 * those of docs/wire.md. Everything runs inside the calls of the program: there is no thread and no signal. */
#define _GNU_SOURCE
#include "argo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { OP_REGISTER = 0x10, OP_SENDV = 0x12, OP_CREDIT = 0x14, OP_PONG = 0x17 };
enum { OP_WELCOME = 0x81, OP_REPLY = 0x90, OP_ACK = 0x92, OP_REFUSED = 0x93, OP_DELIVER = 0x94 };
enum { OP_SPACE = 0xa0, OP_PEER_GONE = 0xa1, OP_RING_CLOSED = 0xa3, OP_PING = 0xb0 };
enum { FRAME_HEADER = 12, DATA_HEADER = 28, STREAM_HEADER = 8, MAX_FRAME = 16777148 };
enum { TYPE_DGRAM = 0x6447724d, TYPE_STREAM = 0x3574526d };
enum { SYN = 1, ACK = 2, RST = 4 };
enum { DEFAULT_RING = 131072 - 80, MAX_SOCKETS = 1024, MAX_BACKLOG = 3 };
enum { CONNECT_MS = 5000, CONTROL_MS = 1000, RETRY_MS = 1000 };

/* Room in the ring. The broker takes it back in the order of the messages only. */
struct charge {
  struct charge *next;
  uint32_t bytes;
  bool is_free;
};

struct message {
  struct message *next;
  struct charge *charge; /* NULL: given back already */
  uint16_t domid;
  uint32_t port, type, length, taken;
  uint8_t bytes[];
};

struct socket;

/* The connection to the agent; accepted sockets share that of their listener. */
struct session {
  int fd, users, type;
  uint32_t port;
  struct socket *owner; /* NULL when the listener was closed before the connections that it accepted */
  uint8_t *in;
  size_t held, capacity;
  uint32_t sent, acked, reply_id, refused_id, ring;
  int reply_status, refused_status;
  bool has_reply, has_refusal, has_space, is_dead;
  struct charge *first, **last;
};

/* The program holds an epoll descriptor of two: the session's, for what has yet to be read, and an event that is set while
 * something waits here, because another call may have read it already. */
struct socket {
  int fd, event, type, timeout, partner, backlog;
  enum { IDLE, BOUND, LISTENING, CONNECTING, CONNECTED, DISCONNECTED } state;
  struct session *session;
  uint32_t ring_length, conid;
  xen_argo_addr_t local, peer;
  bool has_peer;
  uint32_t queued; /* bytes */
  struct message *first, **last;
};

static struct socket *sockets[MAX_SOCKETS];

static int fail(int error) {
  errno = error;
  return -1;
}

static struct socket *find(int fd) {
  struct socket *found = fd >= 0 && fd < MAX_SOCKETS ? sockets[fd] : NULL;
  if (found == NULL) errno = EBADF;
  return found;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -1 = without end. */
static int64_t deadline_of(int timeout) { return timeout < 0 ? -1 : now_ms() + timeout; }

static bool write_all(struct session *session, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  while (length > 0 && !session->is_dead) {
    ssize_t written = send(session->fd, at, length, MSG_NOSIGNAL);
    if (written >= 0) {
      at += written;
      length -= (size_t)written;
    } else if (errno != EINTR)
      session->is_dead = true;
  }
  return !session->is_dead;
}

static void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, 4); }
static void put16(uint8_t *at, uint16_t value) { memcpy(at, &value, 2); }
static uint32_t get32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return value;
}
static uint16_t get16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, 2);
  return value;
}

static void begin_frame(uint8_t *frame, uint32_t length, uint8_t op, uint32_t id) {
  memset(frame, 0, length);
  put32(frame, length);
  frame[4] = op;
  put32(frame + 8, id);
}

static void give_back(struct session *session, uint32_t bytes) {
  uint8_t frame[20];
  begin_frame(frame, sizeof frame, OP_CREDIT, 0);
  put32(frame + 12, session->ring);
  put32(frame + 16, bytes);
  write_all(session, frame, sizeof frame);
}

/* Writes one message and does not wait for its outcome. Returns the id of the send; 0 when the session is dead. */
static uint32_t write_message(struct session *session, uint32_t from, const xen_argo_addr_t *to, uint32_t type,
                              const void *header, size_t header_length, const void *bytes, size_t length) {
  uint8_t frame[DATA_HEADER + STREAM_HEADER];
  uint32_t id = ++session->sent;
  begin_frame(frame, DATA_HEADER, OP_SENDV, id);
  put32(frame, (uint32_t)(DATA_HEADER + header_length + length));
  put16(frame + 12, XEN_ARGO_DOMID_ANY); /* the source is this domain */
  put16(frame + 14, to->domain_id);
  put32(frame + 16, from);
  put32(frame + 20, to->aport);
  put32(frame + 24, type);
  memcpy(frame + DATA_HEADER, header, header_length);
  return write_all(session, frame, DATA_HEADER + header_length) && write_all(session, bytes, length) ? id : 0;
}

/* Makes the program's descriptor readable, or not. */
static void set_ready(struct socket *socket, bool is_ready) {
  uint64_t count = 1;
  ssize_t done = is_ready ? write(socket->event, &count, sizeof count) : read(socket->event, &count, sizeof count);
  (void)done; /* set already, or cleared already */
}

static void disconnect(struct socket *socket) {
  socket->state = DISCONNECTED;
  set_ready(socket, true);
}

static void queue(struct socket *socket, struct message *message) {
  message->next = NULL;
  *socket->last = message;
  socket->last = &message->next;
  socket->queued += message->length;
  set_ready(socket, true);
}

/* Gives back what is free at the front. */
static void release(struct session *session, struct message *message) {
  if (message->charge == NULL) return;
  message->charge->is_free = true;
  message->charge = NULL;
  uint32_t bytes = 0;
  while (session->first != NULL && session->first->is_free) {
    struct charge *charge = session->first;
    bytes += charge->bytes;
    session->first = charge->next;
    free(charge);
  }
  if (session->first == NULL) session->last = &session->first;
  if (bytes > 0 && !session->is_dead) give_back(session, bytes);
}

static void drop(struct session *session, struct message *message) {
  release(session, message);
  free(message);
}

static struct message *shift(struct socket *socket) {
  struct message *message = socket->first;
  if (message == NULL) return NULL;
  socket->first = message->next;
  if (socket->first == NULL) socket->last = &socket->first;
  if (socket->first == NULL && socket->state != DISCONNECTED) set_ready(socket, false);
  socket->queued -= message->length;
  return message;
}

static void say(struct session *session, uint32_t from, const xen_argo_addr_t *to, uint32_t flags, uint32_t conid) {
  uint8_t header[STREAM_HEADER];
  put32(header, flags);
  put32(header + 4, conid);
  write_message(session, from, to, TYPE_STREAM, header, sizeof header, NULL, 0);
}

/* The connection of a message, on a listener's ring or on that of a connector: domain, port and conid must all fit. */
static struct socket *connection_of(struct session *session, const struct message *message, uint32_t conid) {
  for (int fd = 0; fd < MAX_SOCKETS; fd++) {
    struct socket *each = sockets[fd];
    if (each != NULL && each->session == session && each->has_peer && each->conid == conid &&
        each->peer.domain_id == message->domid && each->peer.aport == message->port)
      return each;
  }
  return NULL;
}

static void accept_later(struct socket *listener, struct message *message) {
  int waiting = 0;
  for (struct message *each = listener->first; each != NULL; each = each->next) waiting++;
  if (waiting < listener->backlog) {
    queue(listener, message);
    return;
  }
  xen_argo_addr_t from = {message->port, message->domid, 0};
  say(listener->session, listener->local.aport, &from, RST, get32(message->bytes + 4));
  drop(listener->session, message);
}

static void on_stream(struct session *session, struct message *message) {
  struct socket *owner = session->owner;
  bool is_listener = owner != NULL && owner->state == LISTENING;
  if (message->type != TYPE_STREAM || message->length < STREAM_HEADER) {
    drop(session, message);
    return;
  }
  uint32_t flags = get32(message->bytes), conid = get32(message->bytes + 4);
  struct socket *socket = connection_of(session, message, conid);
  if (socket == NULL && is_listener && flags == SYN) {
    if (message->length == STREAM_HEADER)
      accept_later(owner, message);
    else
      drop(session, message);
    return;
  }
  if (socket == NULL && (flags & RST) != 0) {
    /* A connector that gave up takes its SYN back. */
    for (struct message **each = is_listener ? &owner->first : NULL; each != NULL && *each != NULL; each = &(*each)->next) {
      struct message *syn = *each;
      if (syn->domid != message->domid || syn->port != message->port || get32(syn->bytes + 4) != conid) continue;
      *each = syn->next;
      if (owner->last == &syn->next) owner->last = each;
      drop(session, syn);
      break;
    }
    drop(session, message);
    return;
  }
  if (socket != NULL && flags == 0 && socket->state == CONNECTED) {
    message->taken = STREAM_HEADER;
    queue(socket, message);
    /* A connection that is not read must not keep the ring from the others: its first ring length is on us. */
    if (socket->queued <= socket->ring_length) release(session, message);
    return;
  }
  if (socket != NULL && flags == ACK && socket->state == CONNECTING)
    socket->state = CONNECTED;
  else {
    if (socket != NULL) disconnect(socket);
    xen_argo_addr_t from = {message->port, message->domid, 0};
    if ((flags & RST) == 0) say(session, session->port, &from, RST, conid);
  }
  drop(session, message);
}

static void on_deliver(struct session *session, const uint8_t *frame, uint32_t length) {
  uint32_t bytes = length - DATA_HEADER;
  struct socket *owner = session->owner;
  struct message *message = malloc(sizeof *message + bytes + 1);
  struct charge *charge = malloc(sizeof *charge);
  if (message == NULL || charge == NULL) {
    free(message);
    free(charge);
    session->is_dead = true;
    return;
  }
  *charge = (struct charge){.bytes = 16 + ((bytes + 15) & ~15u)};
  *session->last = charge;
  session->last = &charge->next;
  *message = (struct message){.charge = charge,
                              .domid = get16(frame + 12),
                              .port = get32(frame + 16),
                              .type = get32(frame + 24),
                              .length = bytes};
  memcpy(message->bytes, frame + DATA_HEADER, bytes);
  if (session->type == SOCK_STREAM)
    on_stream(session, message);
  else if (owner == NULL || message->type != TYPE_DGRAM ||
           (owner->has_peer && (owner->peer.domain_id != message->domid || owner->peer.aport != message->port)))
    drop(session, message);
  else
    queue(owner, message);
}

/* Every port, or the port of the connection: whoever was there has left. */
static void on_peer_gone(struct session *session, uint16_t domid, uint32_t port) {
  for (int fd = 0; fd < MAX_SOCKETS; fd++) {
    struct socket *each = sockets[fd];
    if (each != NULL && each->session == session && each->type == SOCK_STREAM && each->has_peer &&
        each->peer.domain_id == domid && (port == UINT32_MAX || port == each->peer.aport))
      disconnect(each);
  }
}

static void on_frame(struct session *session, const uint8_t *frame, uint32_t length) {
  uint32_t id = get32(frame + 8);
  switch (frame[4]) {
    case OP_REPLY:
      session->has_reply = true;
      session->reply_id = id;
      session->reply_status = get16(frame + 12);
      session->ring = session->reply_status == 0 ? get32(frame + 16) : session->ring;
      break;
    case OP_ACK:
      session->acked = id;
      break;
    case OP_REFUSED:
      session->has_refusal = true;
      session->refused_id = id;
      session->refused_status = get16(frame + 12);
      break;
    case OP_DELIVER:
      if (length >= DATA_HEADER)
        on_deliver(session, frame, length);
      else
        session->is_dead = true;
      break;
    case OP_SPACE:
      session->has_space = true;
      break;
    case OP_PEER_GONE:
      on_peer_gone(session, get16(frame + 12), get32(frame + 16));
      break;
    case OP_RING_CLOSED:
      session->is_dead = true;
      break;
    case OP_PING: {
      uint8_t pong[FRAME_HEADER];
      begin_frame(pong, sizeof pong, OP_PONG, id);
      write_all(session, pong, sizeof pong);
      break;
    }
    default: /* a welcome, an introduction, news of policy: nothing to do here */
      break;
  }
}

static void take_frames(struct session *session) {
  size_t at = 0;
  while (session->held - at >= FRAME_HEADER) {
    uint32_t length = get32(session->in + at);
    if (length < FRAME_HEADER || length > MAX_FRAME) {
      session->is_dead = true;
      return;
    }
    if (session->held - at < length) break;
    on_frame(session, session->in + at, length);
    at += length;
  }
  memmove(session->in, session->in + at, session->held - at);
  session->held -= at;
}

/* Reads what is there, waiting for it until the deadline. False: time is up, or the session is dead. */
static bool pump(struct session *session, int64_t deadline) {
  struct pollfd poll_fd = {.fd = session->fd, .events = POLLIN};
  int64_t left = deadline < 0 ? -1 : deadline - now_ms();
  if (session->is_dead || (deadline >= 0 && left < 0)) left = 0;
  int ready = poll(&poll_fd, 1, (int)left);
  if (ready <= 0) return ready < 0 && errno == EINTR;
  if (session->capacity - session->held < 65536) {
    size_t capacity = session->capacity == 0 ? 131072 : session->capacity * 2;
    uint8_t *in = realloc(session->in, capacity);
    if (in == NULL) return false;
    session->in = in;
    session->capacity = capacity;
  }
  ssize_t got = recv(session->fd, session->in + session->held, session->capacity - session->held, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) session->is_dead = true;
  if (got > 0) {
    session->held += (size_t)got;
    take_frames(session);
  }
  return !session->is_dead;
}

/* The outcome of a send: 0, or an errno. */
static int outcome_of(struct session *session, uint32_t id, int64_t deadline) {
  for (;;) {
    if (session->has_refusal && session->refused_id == id) {
      session->has_refusal = false;
      return session->refused_status;
    }
    if ((int32_t)(session->acked - id) >= 0) return 0;
    if (session->is_dead) return ECONNRESET;
    if (!pump(session, deadline) && !session->is_dead) return ETIMEDOUT;
  }
}

/* Sends one message; a full ring is waited for until the deadline. The broker's answer itself always is. */
static int send_message(struct session *session, uint32_t from, const xen_argo_addr_t *to, uint32_t type,
                        const void *header, size_t header_length, const void *bytes, size_t length, int64_t deadline,
                        bool may_wait) {
  for (;;) {
    session->has_space = false;
    uint32_t id = write_message(session, from, to, type, header, header_length, bytes, length);
    if (id == 0) return ECONNRESET;
    int error = outcome_of(session, id, -1);
    if ((error != EAGAIN && error != EBUSY) || !may_wait) return error;
    int64_t retry = now_ms() + RETRY_MS; /* a broker that could not note our wait tells nothing */
    while (!session->has_space && now_ms() < retry) {
      if (deadline >= 0 && now_ms() >= deadline) return ETIMEDOUT;
      pump(session, deadline >= 0 && deadline < retry ? deadline : retry);
      if (session->is_dead) return ECONNRESET;
    }
  }
}

static int send_control(struct socket *socket, uint32_t flags) {
  uint8_t header[STREAM_HEADER];
  put32(header, flags);
  put32(header + 4, socket->conid);
  return send_message(socket->session, socket->local.aport, &socket->peer, TYPE_STREAM, header, sizeof header, NULL, 0,
                      now_ms() + CONTROL_MS, true);
}

static bool open_session(struct session *session) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("ARGUS_AGENT");
  if (path == NULL || *path == '\0') path = "/run/argus/agent.sock";
  if (strlen(path) >= sizeof address.sun_path) return false;
  strcpy(address.sun_path, path);
  if (connect(session->fd, (struct sockaddr *)&address, sizeof address) < 0) return false;
  if (!write_all(session, "session\n", 8)) return false;
  char answer = '\0', first = '\0';
  for (int at = 0; at < 1024 && answer != '\n'; at++) {
    if (recv(session->fd, &answer, 1, 0) != 1) return false;
    if (at == 0) first = answer;
  }
  return first == 'o'; /* "ok", or "error CODE reason" */
}

/* Takes the socket over; its descriptor, or -1. */
static int publish(struct socket *socket) {
  struct epoll_event readable = {.events = EPOLLIN};
  int fd = epoll_create1(EPOLL_CLOEXEC);
  socket->fd = fd;
  socket->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  socket->last = &socket->first;
  if (fd >= 0 && fd < MAX_SOCKETS && socket->event >= 0 &&
      epoll_ctl(fd, EPOLL_CTL_ADD, socket->session->fd, &readable) == 0 &&
      epoll_ctl(fd, EPOLL_CTL_ADD, socket->event, &readable) == 0) {
    sockets[fd] = socket;
    return fd;
  }
  if (fd >= 0) close(fd);
  if (socket->event >= 0) close(socket->event);
  free(socket);
  return fail(EMFILE);
}

static void end_session(struct session *session) {
  for (struct charge *charge = session->first, *next; charge != NULL; charge = next) {
    next = charge->next;
    free(charge);
  }
  if (session->fd >= 0) close(session->fd);
  free(session->in);
  free(session);
}

int argo_socket(int type) {
  if (type != SOCK_DGRAM && type != SOCK_STREAM) return fail(EINVAL);
  struct socket *socket_ = calloc(1, sizeof *socket_);
  struct session *session = calloc(1, sizeof *session);
  if (socket_ == NULL || session == NULL) {
    free(socket_);
    free(session);
    return fail(ENOMEM);
  }
  *session = (struct session){.users = 1, .type = type, .owner = socket_};
  session->last = &session->first;
  session->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  *socket_ = (struct socket){.type = type,
                             .timeout = -1,
                             .session = session,
                             .ring_length = DEFAULT_RING,
                             .partner = XEN_ARGO_DOMID_ANY};
  errno = 0;
  if (session->fd < 0 || !open_session(session)) {
    int error = errno == 0 ? ECONNREFUSED : errno;
    end_session(session);
    free(socket_);
    return fail(error);
  }
  int fd = publish(socket_);
  if (fd < 0) end_session(session);
  return fd;
}

static int register_ring(struct socket *socket, uint32_t port, int partner) {
  struct session *session = socket->session;
  uint8_t frame[32];
  begin_frame(frame, sizeof frame, OP_REGISTER, 1);
  put32(frame + 12, port);
  put16(frame + 16, (uint16_t)partner);
  put32(frame + 20, socket->ring_length);
  put32(frame + 24, 1); /* fail if it exists */
  session->has_reply = false;
  write_all(session, frame, sizeof frame);
  while (!session->has_reply)
    if (!pump(session, -1)) return ECONNRESET;
  return session->reply_status == EEXIST ? EADDRINUSE : session->reply_status;
}

int argo_bind(int fd, const xen_argo_addr_t *addr, int partner) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  if (socket->state != IDLE) return fail(EINVAL);
  if (addr->domain_id != XEN_ARGO_DOMID_ANY && addr->domain_id != 0) return fail(EINVAL);
  for (int attempt = 0; attempt < 16; attempt++) {
    uint32_t port = addr->aport;
    if (port == 0) {
      if (getrandom(&port, sizeof port, 0) != (ssize_t)sizeof port) return -1;
      port |= 0x80000000u;
      if (port >= 0xf0000000u) port -= 0x10000000u;
    }
    socket->state = BOUND; /* a message may follow the reply at once */
    int error = register_ring(socket, port, partner);
    if (error == 0) {
      socket->session->port = port;
      socket->local = (xen_argo_addr_t){port, XEN_ARGO_DOMID_ANY, 0};
      socket->partner = partner;
      return 0;
    }
    socket->state = IDLE;
    if (addr->aport != 0 || error != EADDRINUSE) return fail(error);
  }
  return fail(EADDRINUSE);
}

static int bind_if_idle(struct socket *socket, uint16_t partner) {
  xen_argo_addr_t any = {0, XEN_ARGO_DOMID_ANY, 0};
  return socket->state == IDLE ? argo_bind(socket->fd, &any, partner) : 0;
}

int argo_listen(int fd, int backlog) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  if (socket->type != SOCK_STREAM || socket->state != BOUND) return fail(EINVAL);
  socket->state = LISTENING;
  socket->backlog = backlog < 1 ? 1 : backlog > MAX_BACKLOG ? MAX_BACKLOG : backlog;
  return 0;
}

int argo_accept(int fd, xen_argo_addr_t *peer) {
  struct socket *listener = find(fd);
  if (listener == NULL) return -1;
  if (listener->state != LISTENING) return fail(EINVAL);
  int64_t deadline = deadline_of(listener->timeout);
  while (listener->first == NULL)
    if (!pump(listener->session, deadline)) return fail(listener->session->is_dead ? ECONNRESET : EAGAIN);
  struct socket *accepted = calloc(1, sizeof *accepted);
  if (accepted == NULL) return fail(ENOMEM);
  *accepted = *listener;
  accepted->first = NULL;
  accepted->queued = 0;
  accepted->state = CONNECTED;
  int copy = publish(accepted);
  if (copy < 0) return -1;
  struct message *syn = shift(listener);
  accepted->has_peer = true;
  accepted->peer = (xen_argo_addr_t){syn->port, syn->domid, 0};
  accepted->conid = get32(syn->bytes + 4);
  drop(listener->session, syn);
  listener->session->users++;
  if (send_control(accepted, ACK) != 0) disconnect(accepted);
  if (peer != NULL) *peer = accepted->peer;
  return copy;
}

int argo_connect(int fd, const xen_argo_addr_t *peer) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  if (socket->type == SOCK_DGRAM) {
    socket->has_peer = peer != NULL;
    if (peer != NULL) socket->peer = *peer;
    return peer == NULL ? 0 : bind_if_idle(socket, peer->domain_id);
  }
  if (socket->state == CONNECTED) return fail(EISCONN);
  if (socket->state == LISTENING || peer == NULL) return fail(EINVAL);
  if (bind_if_idle(socket, peer->domain_id) < 0) return -1;
  if (getrandom(&socket->conid, sizeof socket->conid, 0) != (ssize_t)sizeof socket->conid) return -1;
  socket->peer = *peer;
  socket->has_peer = true;
  socket->state = CONNECTING;
  int64_t deadline = now_ms() + CONNECT_MS;
  int error = send_control(socket, SYN);
  while (error == 0 && socket->state == CONNECTING)
    if (!pump(socket->session, deadline)) error = ECONNREFUSED;
  if (error == 0 && socket->state == CONNECTED) return 0;
  if (socket->state == CONNECTING && error == ECONNREFUSED && !socket->session->is_dead) send_control(socket, RST);
  socket->state = BOUND;
  socket->has_peer = false;
  return fail(error == 0 ? ECONNREFUSED : error);
}

ssize_t argo_sendto(int fd, const void *bytes, size_t length, int flags, const xen_argo_addr_t *to) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  bool may_wait = (flags & MSG_DONTWAIT) == 0;
  int64_t deadline = deadline_of(socket->timeout);
  if (socket->type == SOCK_DGRAM) {
    if (to != NULL && socket->has_peer) return fail(EISCONN);
    if (to == NULL && !socket->has_peer) return fail(ENOTCONN);
    const xen_argo_addr_t *target = to == NULL ? &socket->peer : to;
    if (bind_if_idle(socket, target->domain_id) < 0) return -1;
    if (length > socket->ring_length - 16) return fail(EMSGSIZE);
    int error = send_message(socket->session, socket->local.aport, target, TYPE_DGRAM, NULL, 0, bytes, length, deadline,
                             may_wait);
    return error == 0 ? (ssize_t)length : fail(error);
  }
  if (to != NULL) return fail(EISCONN);
  size_t lump = DEFAULT_RING / 4, sent = 0;
  while (sent < length) {
    pump(socket->session, now_ms()); /* a RST that is there already */
    if (socket->state == DISCONNECTED || socket->session->is_dead) return sent > 0 ? (ssize_t)sent : fail(EPIPE);
    if (socket->state != CONNECTED) return fail(ENOTCONN);
    size_t part = length - sent < lump ? length - sent : lump;
    uint8_t header[STREAM_HEADER] = {0};
    put32(header + 4, socket->conid);
    int error = send_message(socket->session, socket->local.aport, &socket->peer, TYPE_STREAM, header, sizeof header,
                             (const uint8_t *)bytes + sent, part, deadline, may_wait);
    if (error == ECONNREFUSED) disconnect(socket);
    if (error != 0) return sent > 0 ? (ssize_t)sent : fail(error == ECONNREFUSED ? EPIPE : error);
    sent += part;
    if (!may_wait) break;
  }
  return (ssize_t)sent;
}

ssize_t argo_send(int fd, const void *bytes, size_t length, int flags) {
  return argo_sendto(fd, bytes, length, flags, NULL);
}

ssize_t argo_recvfrom(int fd, void *bytes, size_t length, int flags, xen_argo_addr_t *from) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  bool is_stream = socket->type == SOCK_STREAM;
  if (socket->state == IDLE || (is_stream && (socket->state == BOUND || socket->state == LISTENING)))
    return fail(ENOTCONN);
  if (is_stream && (flags & MSG_PEEK) != 0) return fail(EINVAL);
  int64_t deadline = (flags & MSG_DONTWAIT) != 0 ? now_ms() : deadline_of(socket->timeout);
  while (socket->first == NULL) {
    if (is_stream && (socket->state == DISCONNECTED || socket->session->is_dead)) return 0;
    if (!pump(socket->session, deadline) && socket->first == NULL && !(is_stream && socket->session->is_dead))
      return fail(socket->session->is_dead ? ECONNRESET : EAGAIN);
  }
  struct message *message = socket->first;
  if (from != NULL) *from = (xen_argo_addr_t){message->port, message->domid, 0};
  size_t rest = message->length - message->taken;
  size_t taken = rest < length ? rest : length;
  memcpy(bytes, message->bytes + message->taken, taken);
  message->taken += (uint32_t)taken;
  if ((flags & MSG_PEEK) != 0)
    message->taken -= (uint32_t)taken;
  else if (!is_stream || message->taken == message->length)
    drop(socket->session, shift(socket));
  return (ssize_t)((flags & MSG_TRUNC) != 0 && !is_stream ? rest : taken);
}

ssize_t argo_recv(int fd, void *bytes, size_t length, int flags) {
  return argo_recvfrom(fd, bytes, length, flags, NULL);
}

int argo_getsockname(int fd, xen_argo_addr_t *addr, int *partner) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  if (addr != NULL) *addr = socket->local;
  if (partner != NULL) *partner = socket->partner;
  return 0;
}

int argo_getpeername(int fd, xen_argo_addr_t *peer) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  if (!socket->has_peer) return fail(ENOTCONN);
  *peer = socket->peer;
  return 0;
}

int argo_setringsize(int fd, uint32_t length) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  if (socket->state != IDLE || length < 48 || length % 16 != 0) return fail(EINVAL);
  socket->ring_length = length;
  return 0;
}

int argo_settimeout(int fd, int milliseconds) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  socket->timeout = milliseconds < 0 ? -1 : milliseconds;
  return 0;
}

int argo_close(int fd) {
  struct socket *socket = find(fd);
  if (socket == NULL) return -1;
  struct session *session = socket->session;
  if (socket->type == SOCK_STREAM && socket->state == CONNECTED && !session->is_dead) send_control(socket, RST);
  bool is_listener = socket->state == LISTENING;
  for (struct message *message = shift(socket); message != NULL; message = shift(socket)) {
    if (is_listener && !session->is_dead) {
      xen_argo_addr_t from = {message->port, message->domid, 0};
      say(session, socket->local.aport, &from, RST, get32(message->bytes + 4));
    }
    drop(session, message);
  }
  sockets[fd] = NULL;
  if (session->owner == socket) session->owner = NULL;
  close(socket->event);
  close(fd);
  /* The ring goes with the last socket of its session. */
  if (--session->users == 0) end_session(session);
  free(socket);
  return 0;
}
