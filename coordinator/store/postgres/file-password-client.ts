import pg from 'pg'
import { readSecretFile } from '../../../shared/config/secret-file.ts'

/**
 * A client class that reads the password from its file at each connection, so that a changed one needs no
 * restart. Given beside a connection string, pg would forget it: what the string says, or leaves out, wins.
 */
export function filePasswordClient(file: string): typeof pg.Client {
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      Object.assign(this, { password: () => readSecretFile(file) })
    }
  }
}
