import { ServerCredentials } from '@grpc/grpc-js'
import { contextOptions, type Material, minVersion } from '../../shared/tls/index.ts'

/**
 * Credentials of the mTLS listener. Who shows no certificate, or one that does not verify, gets through the handshake as
 * nobody, and the access table decides: a host that joins has none yet (facts-runtime §4). What is replaced holds for
 * new connections; those that stand keep what they began with.
 */
export class TlsCredentials extends ServerCredentials {
  constructor(material: Material) {
    super({ requestCert: true, rejectUnauthorized: false, minVersion }, contextOptions(material))
  }

  replace(material: Material): void {
    this.updateSecureContextOptions(contextOptions(material))
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}
