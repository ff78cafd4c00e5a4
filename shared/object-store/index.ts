export { type DestinationProblem, destinationProblems } from './destination-rules.ts'
export { type Location, parseDestination } from './destination-url.ts'
export {
  type AttemptPlace,
  anchorPrefix,
  attemptPrefix,
  type BackupClass,
  dataKey,
  dataPrefix,
  manifestKey,
  manifestPrefix,
  objectName,
  slug,
} from './keys.ts'
export { type OpenStoreOptions, openObjectStore } from './open.ts'
export {
  type ObjectInfo,
  type ObjectKey,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type OpenUpload,
  objectKey,
  type PartReceipt,
  type Retention,
  type Verified,
} from './port.ts'
export type {
  DestinationProbe,
  ProbeAnswer,
  ProbeCheck,
  ProbeFinding,
  ProbeLevel,
  Suggestion,
} from './probe/finding.ts'
export { probeDestination } from './probe/probe.ts'
export type { RetryPolicy } from './retry.ts'
export type { CredentialsSource, StoreCredentials } from './s3/client.ts'
