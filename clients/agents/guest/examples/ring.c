/* Rings through the agent's socket, with nothing but libc.
 *
 *     ring recv SOCKET PORT                     print "DOMAIN: message" for each message
 *     ring send SOCKET DOMAIN PORT MESSAGE...   send each MESSAGE, stop at the first that is refused
 *
 * Numbers are little-endian on the wire, as on the machines that this example is for. */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static FILE *opened(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    perror(path);
    exit(1);
  }
  return fdopen(fd, "r+");
}

static void expect_ok(FILE *stream) {
  char answer[512] = "the agent hung up\n";
  fflush(stream);
  if (fgets(answer, sizeof answer, stream) == NULL || strcmp(answer, "ok\n") != 0) {
    fprintf(stderr, "refused: %s", answer);
    exit(1);
  }
  fseek(stream, 0, SEEK_CUR); /* a stream that was read may be written again after this */
}

static void exactly(FILE *stream, void *into, size_t length) {
  if (fread(into, 1, length, stream) != length) exit(1);
}

int main(int argc, char **argv) {
  if (argc >= 4 && strcmp(argv[1], "recv") == 0) {
    FILE *stream = opened(argv[2]);
    fprintf(stream, "recv %s any 65536\n", argv[3]);
    expect_ok(stream);
    fprintf(stderr, "listening\n");
    for (;;) {
      struct { uint32_t length; uint16_t domid, name_length; uint32_t port, type; } header;
      exactly(stream, &header, sizeof header);
      char *bytes = malloc((size_t)header.name_length + header.length);
      exactly(stream, bytes, (size_t)header.name_length + header.length);
      printf("%.*s: %.*s\n", header.name_length, bytes, (int)header.length, bytes + header.name_length);
      fflush(stdout);
      free(bytes);
    }
  }
  if (argc >= 5 && strcmp(argv[1], "send") == 0) {
    FILE *stream = opened(argv[2]);
    fprintf(stream, "send %s %s 0 10000\n", argv[3], argv[4]);
    expect_ok(stream);
    for (int index = 5; index < argc; index++) {
      uint32_t length = (uint32_t)strlen(argv[index]);
      fwrite(&length, sizeof length, 1, stream);
      fwrite(argv[index], 1, length, stream);
      expect_ok(stream);
    }
    return 0;
  }
  fprintf(stderr, "usage: ring recv SOCKET PORT | ring send SOCKET DOMAIN PORT MESSAGE...\n");
  return 2;
}
