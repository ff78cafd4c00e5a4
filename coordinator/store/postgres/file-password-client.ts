import pg from 'pg'
import { readSecret, type SecretSource } from '../../../shared/secrets/index.ts'

/**
 * A client class that reads the password from where it comes from at each connection, so that a changed one needs no
 * restart. Given beside a connection string, pg would forget it: what the string says, or leaves out, wins.
 */
export function filePasswordClient(source: SecretSource): typeof pg.Client {
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      Object.assign(this, { password: () => readSecret(source) })
    }
  }
}
