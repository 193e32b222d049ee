/* `queues NAME`: how many packets each queue of a network card has carried, as the driver counts them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>

int main(int argc, char **argv)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (argc != 2 || fd < 0 || strlen(argv[1]) >= sizeof(request.ifr_name))
		return 1;
	strcpy(request.ifr_name, argv[1]);
	if (ioctl(fd, SIOCETHTOOL, &request) != 0) {
		perror("queues");
		return 1;
	}
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + info.n_stats * ETH_GSTRING_LEN);
	struct ethtool_stats *values = calloc(1, sizeof(*values) + info.n_stats * sizeof(__u64));
	if (names == NULL || values == NULL)
		return 1;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = info.n_stats;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = info.n_stats;
	request.ifr_data = (void *)names;
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		return 1;
	request.ifr_data = (void *)values;
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		return 1;
	for (unsigned at = 0; at < info.n_stats; at++) {
		const char *name = (const char *)names->data + at * ETH_GSTRING_LEN;
		if (strstr(name, "_packets") != NULL && strstr(name, "xdp") == NULL)
			printf("%s: %llu\n", name, (unsigned long long)values->data[at]);
	}
	return 0;
}
