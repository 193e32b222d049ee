/** Programs of this machine that share the agent's session, each with a whole SDK. */
export { Programs } from './programs.ts';
export { serveProgram } from './serve-program.ts';
