export { readSecret } from './read-secret.ts'
export { type CommandSource, describeSecret, type SecretSource } from './source.ts'
