/* Sockets over Argus with the calls of libargo (OpenXT), through the agent of this machine. No LD_PRELOAD, no driver:
 * compile argo.c into the program.
 *
 *     SOCK_DGRAM   messages, as xen_argo_sendv carries them (message type 0x6447724d)
 *     SOCK_STREAM  connections with SYN, ACK and RST as the Linux driver makes them (message type 0x3574526d)
 *
 * docs/agent.md lists what differs from the driver. A socket belongs to one thread at a time; an accepted socket belongs to
 * the thread of its listener. Little-endian machines only. */
#ifndef ARGUS_ARGO_H
#define ARGUS_ARGO_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define XEN_ARGO_DOMID_ANY 0x7ff4

typedef struct xen_argo_addr {
  uint32_t aport;
  uint16_t domain_id;
  uint16_t pad; /* 0 */
} xen_argo_addr_t;

/* A socket on the agent's socket: ARGUS_AGENT, or /run/argus/agent.sock. The result may be given to poll(). */
int argo_socket(int type);
/* Port 0 chooses one of 0x80000000 to 0xefffffff. The partner is a domain or XEN_ARGO_DOMID_ANY. */
int argo_bind(int fd, const xen_argo_addr_t *addr, int partner);
int argo_listen(int fd, int backlog);
int argo_accept(int fd, xen_argo_addr_t *peer);
/* DGRAM: only this peer is sent to and heard; NULL undoes it. STREAM: within 5 s, or ECONNREFUSED. */
int argo_connect(int fd, const xen_argo_addr_t *peer);
ssize_t argo_send(int fd, const void *bytes, size_t length, int flags);
ssize_t argo_sendto(int fd, const void *bytes, size_t length, int flags, const xen_argo_addr_t *to);
ssize_t argo_recv(int fd, void *bytes, size_t length, int flags);
ssize_t argo_recvfrom(int fd, void *bytes, size_t length, int flags, xen_argo_addr_t *from);
int argo_getsockname(int fd, xen_argo_addr_t *addr, int *partner);
int argo_getpeername(int fd, xen_argo_addr_t *peer);
/* Ring length of the socket, before it is bound: a multiple of 16, at least 48. */
int argo_setringsize(int fd, uint32_t length);
/* How long a blocking call waits for room, for a message or for a connection; -1 (default) without end. */
int argo_settimeout(int fd, int milliseconds);
int argo_close(int fd);
#endif
