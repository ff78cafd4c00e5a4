export {
  type Authority,
  certify,
  certifyServer,
  fingerprintOf,
  lives,
  newAuthority,
  openAuthority,
  validity,
} from './authority.ts'
export {
  type CertificateIdentity,
  hostsOf,
  identityOf,
  isOperatorName,
  keyIdOf,
  type Subject,
  uriOf,
} from './identity.ts'
export { type JoinToken, newJoinToken, parseJoinToken } from './join-token.ts'
export { LiveMaterial } from './live-material.ts'
export {
  contextOptions,
  issuerOf,
  loadMaterial,
  type Material,
  material,
  minVersion,
  parseCertificates,
  readCertificates,
  secureContext,
  type TlsFiles,
} from './material.ts'
export { proofOfKey, provesKey } from './renewal.ts'
export {
  certificatePem,
  certificateRequest,
  keyOfRequest,
  newPrivateKey,
  privateKeyPem,
  publicKeyOf,
  readPrivateKey,
  type Validity,
} from './x509.ts'
