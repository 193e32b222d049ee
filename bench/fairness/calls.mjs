/** In a process of the fairness bench: answers the bench's calls over Node's IPC channel, and ends with the bench. */

export const setup = JSON.parse(process.argv[2] ?? '{}');

export function answerCalls(handlers) {
  // Ctrl-C reaches the whole process group; the bench ends its processes in order.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ id, call, argument }) => {
    try {
      process.send({ id, result: (await handlers[call](argument)) ?? null });
    } catch (error) {
      process.send({ id, error: `${error.message}` });
    }
  });
}
