export { makeAuthority, type TestAuthority } from './authority.ts'
export {
  type ConsulOptions,
  type ConsulRegistration,
  type ConsulServer,
  startConsul,
  startConsulServers,
} from './consul.ts'
export { type FaultProxy, startFaultProxy, type WireFault } from './fault-proxy.ts'
export { freePort, freePorts } from './free-port.ts'
export { type KmsCall, type KmsFake, type KmsKeyState, startKms } from './kms.ts'
export { type MariadbCredentials, type MariadbOptions, type MariadbServer, startMariadb } from './mariadb.ts'
export {
  type OwnedProcess,
  type ProcessEnd,
  type ProcessOptions,
  processAlive,
  startProcess,
} from './owned-process.ts'
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres.ts'
export type { Credentials } from './postgres-credentials.ts'
export { type PrometheusServer, startPrometheus } from './prometheus.ts'
export { type Available, type Provisioned, provision, provisionTool, type Unavailable } from './provision.ts'
export type { ServiceName } from './recipes.ts'
export { type Requirement, requireServers } from './require-servers.ts'
export { type RunOptions, type RunResult, run } from './run.ts'
export { type S3Options, type S3Server, startS3 } from './s3.ts'
export { type FakeS3, type FakeS3Traits, startFakeS3 } from './s3-fake.ts'
export { type S3Fault, type S3FaultProxy, type SeenRequest, startS3FaultProxy } from './s3-fault-proxy.ts'
export type { S3Matcher, S3Operation, S3Request } from './s3-operation.ts'
export type { AgentOptions, StackLogin } from './stack/agent-config.ts'
export { usualTimes } from './stack/coordinator-config.ts'
export type { ManagedProcess } from './stack/managed-process.ts'
export { layStack, type Stack } from './stack/stack.ts'
export type { CoordinatorOptions, StackOptions, StackPolicy } from './stack/stack-options.ts'
export { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts'
export { type WaitOptions, waitUntil } from './wait-until.ts'
export { type WebhookReply, type WebhookRequest, type WebhookSink, webhookSink } from './webhook-sink.ts'
