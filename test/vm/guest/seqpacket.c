/* Messages of many lengths over a vsock of type SEQPACKET: `seqpacket listen PORT` returns each of them, `seqpacket CID PORT` asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#define LONGEST 100000u

static const unsigned lengths[] = { 1, 44, 4052, 4096, 4097, 65536, LONGEST, 2 };
static unsigned char bytes[LONGEST + 1];

static int ask(int fd, unsigned length)
{
	memset(bytes, (int)(length % 251), length);
	if (send(fd, bytes, length, MSG_EOR) != (ssize_t)length) {
		perror("seqpacket: send");
		return 1;
	}
	memset(bytes, 0xff, sizeof(bytes));
	/* There is room for more than was sent, so two messages in one would show. */
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	for (unsigned at = 0; at < length; at++)
		if (got != (ssize_t)length || bytes[at] != length % 251) {
			printf("seqpacket: %zd bytes instead of %u\n", got, length);
			return 1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	int fd = socket(AF_VSOCK, SOCK_SEQPACKET, 0);
	if (argc != 3 || fd < 0)
		return 1;
	address.svm_port = (unsigned)atoi(argv[2]);
	if (strcmp(argv[1], "listen") == 0) {
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0)
			return 1;
		int peer = accept(fd, NULL, NULL);
		for (ssize_t got; (got = recv(peer, bytes, sizeof(bytes), 0)) > 0;)
			if (send(peer, bytes, (size_t)got, MSG_EOR) != got)
				return 1;
		return 0;
	}
	address.svm_cid = (unsigned)atoi(argv[1]);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("seqpacket: connect");
		return 1;
	}
	for (unsigned index = 0; index < sizeof(lengths) / sizeof(lengths[0]); index++)
		if (ask(fd, lengths[index]) != 0)
			return 1;
	puts("seqpacket: each message came whole");
	return 0;
}
