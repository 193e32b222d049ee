/* Both ends of a test of libargo: exchange ROLE DOMID PORT. A role prints what it saw; the test compares. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "argo.h"

enum { LIMIT_MS = 60000, ROUNDS = 40, PART = 20000 };

static int need(int result, const char *what) {
  if (result >= 0) return result;
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Reads errno after the call, which the arguments of printf do not promise. */
static void refused(const char *what, long result, int error) {
  printf("%s: %d\n", what, result == -1 && errno == error);
}

static int opened(int type) {
  int fd = need(argo_socket(type), "socket");
  need(argo_settimeout(fd, LIMIT_MS), "timeout");
  return fd;
}

static int listening(int type, uint32_t port) {
  int fd = opened(type);
  xen_argo_addr_t addr = {port, XEN_ARGO_DOMID_ANY, 0};
  need(argo_bind(fd, &addr, XEN_ARGO_DOMID_ANY), "bind");
  if (type == SOCK_STREAM) need(argo_listen(fd, 2), "listen");
  fprintf(stderr, "listening\n");
  return fd;
}

static void read_all(int fd, char *into, size_t length) {
  for (size_t got = 0; got < length;) {
    ssize_t part = need((int)argo_recv(fd, into + got, length - got, 0), "recv");
    if (part == 0) {
      printf("ended early\n");
      exit(1);
    }
    got += (size_t)part;
  }
}

static void answer_datagrams(uint32_t port) {
  int fd = listening(SOCK_DGRAM, port);
  for (int count = 0; count < 3; count++) {
    char text[64];
    xen_argo_addr_t from;
    ssize_t length = need((int)argo_recvfrom(fd, text, sizeof text, 0, &from), "recvfrom");
    need((int)argo_sendto(fd, text, (size_t)length, 0, &from), "sendto");
  }
}

/* A datagram that is cut, one that is empty, and one from an address that is not the connected one. */
static void ask_datagrams(uint16_t domid, uint32_t port) {
  int fd = opened(SOCK_DGRAM), other = opened(SOCK_DGRAM);
  xen_argo_addr_t to = {port, domid, 0}, mine;
  char text[64];
  refused("unconnected", argo_send(fd, "x", 1, 0), ENOTCONN);
  need((int)argo_sendto(fd, "hello", 5, 0, &to), "sendto");
  printf("cut: %d\n", (int)argo_recv(fd, text, 2, MSG_TRUNC));
  refused("the rest is gone", argo_recv(fd, text, sizeof text, MSG_DONTWAIT), EAGAIN);
  need(argo_connect(fd, &to), "connect");
  refused("address beside connect", argo_sendto(fd, "x", 1, 0, &to), EISCONN);
  need(argo_getsockname(fd, &mine, NULL), "getsockname");
  printf("port is ephemeral: %d\n", mine.aport >= 0x80000000u && mine.aport < 0xf0000000u);
  need((int)argo_send(fd, "", 0, 0), "send");
  printf("empty: %d\n", (int)argo_recv(fd, text, sizeof text, 0));
  need((int)argo_send(fd, "last", 4, 0), "send");
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  printf("poll: %d\n", poll(&poll_fd, 1, LIMIT_MS));
  ssize_t length = need((int)argo_recv(fd, text, sizeof text, 0), "recv");
  printf("last: %.*s\n", (int)length, text);
  refused("too long", argo_send(fd, text, 200000, 0), EMSGSIZE);
  argo_close(other);
  refused("closed", argo_send(other, "x", 1, 0), EBADF);
}

/* Two connections at a time: the one that is not read must not stop the other one. */
static void answer_streams(uint32_t port) {
  static char bytes[PART];
  int fd = listening(SOCK_STREAM, port);
  xen_argo_addr_t peer;
  int stalled = need(argo_accept(fd, &peer), "accept"), lively = need(argo_accept(fd, NULL), "accept");
  for (int round = 0; round < ROUNDS; round++) {
    read_all(lively, bytes, PART);
    need((int)argo_send(lively, bytes, PART, 0), "send");
  }
  read_all(stalled, bytes, 5);
  printf("stalled: %.5s\n", bytes);
  need((int)argo_send(lively, "end", 3, 0), "send");
  argo_close(lively);
  argo_close(fd); /* the connection outlives its listener */
  need((int)argo_send(stalled, "end", 3, 0), "send");
  printf("peer closes: %d\n", (int)argo_recv(stalled, bytes, PART, 0));
  argo_close(stalled);
}

static void ask_streams(uint16_t domid, uint32_t port) {
  static char out[PART], in[PART];
  xen_argo_addr_t to = {port, domid, 0}, nobody = {0x80000001u, domid, 0};
  int alone = opened(SOCK_STREAM);
  refused("no listener", argo_connect(alone, &nobody), ECONNREFUSED);
  int stalled = opened(SOCK_STREAM), lively = opened(SOCK_STREAM);
  need(argo_connect(stalled, &to), "connect");
  need((int)argo_send(stalled, "hello", 5, 0), "send");
  need(argo_connect(lively, &to), "connect");
  int wrong = 0;
  for (int round = 0; round < ROUNDS; round++) {
    memset(out, round, PART);
    need((int)argo_send(lively, out, PART, 0), "send");
    read_all(lively, in, PART);
    wrong += memcmp(in, out, PART) != 0;
  }
  printf("wrong: %d\n", wrong);
  read_all(stalled, in, 3);
  printf("stalled: %.3s\n", in);
  /* The other side has closed: what it sent before is read first, then the end. */
  read_all(lively, in, 3);
  printf("queued: %.3s, then %d\n", in, (int)argo_recv(lively, in, PART, 0));
  refused("send after the end", argo_send(lively, "x", 1, MSG_NOSIGNAL), EPIPE);
  argo_close(stalled);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  uint16_t domid = (uint16_t)atoi(argv[2]);
  uint32_t port = (uint32_t)atoi(argv[3]);
  if (strcmp(argv[1], "answer-datagrams") == 0) answer_datagrams(port);
  if (strcmp(argv[1], "ask-datagrams") == 0) ask_datagrams(domid, port);
  if (strcmp(argv[1], "answer-streams") == 0) answer_streams(port);
  if (strcmp(argv[1], "ask-streams") == 0) ask_streams(domid, port);
  return 0;
}
