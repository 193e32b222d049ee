/** Unix sockets of the agents, for programs of the same user. */
export { listenPrivately } from './private-socket.ts';
