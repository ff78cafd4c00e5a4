import type { ConsulServer } from '../consul.ts'
import type { S3Server } from '../s3.ts'
import type { AgentOptions } from './agent-config.ts'

/** What a stack is made of. */
export interface StackOptions {
  readonly coordinator?: CoordinatorOptions
  readonly agents: readonly AgentOptions[]
  /** Where backups go; without one, a directory of the stack. */
  readonly s3?: { readonly server: S3Server; readonly bucket: string; readonly endpoint?: string }
  /** Discovery; without one, a static file made of the agents' logins. */
  readonly consul?: { readonly server: ConsulServer; readonly services: readonly string[] }
}

/** A policy as the coordinator's configuration has it; durations are texts such as `2s`. */
export interface StackPolicy {
  readonly name: string
  readonly match?: Readonly<Record<string, readonly string[]>>
  readonly every?: string
  readonly rpo?: string
  readonly codec?: string
  readonly compression?: Readonly<Record<string, unknown>>
  readonly encryption?: Readonly<Record<string, unknown>>
  readonly hooks?: Readonly<Record<string, readonly string[]>>
  readonly verification?: Readonly<Record<string, string>>
  readonly retry?: { readonly attempts?: number; readonly base_delay?: string; readonly max_delay?: string }
}

/** What a test says of the coordinator; everything has a default that suits a fast test. */
export interface CoordinatorOptions {
  /** Default a SQLite file in the stack's folder. */
  readonly store?: { readonly url: string; readonly passwordFile?: string }
  /** Where alerts go. */
  readonly webhook?: string
  /** The watchdog to ping, every 300 ms. */
  readonly deadMan?: string
  /** Default one policy for everything: every 24 h, RPO 26 h, two attempts. */
  readonly policies?: readonly StackPolicy[]
  /** Over the short times of tests; `{}` keeps those, `usualTimes` gives the product's own. */
  readonly times?: Readonly<Record<string, string>>
  readonly slotsPerAgent?: number
  /** Of Consul's services whose meta says nothing. */
  readonly serviceEngines?: Readonly<Record<string, string>>
  /** File with Consul's ACL token. */
  readonly consulTokenFile?: string
  /** Further sections of its configuration, as they stand in the file. */
  readonly more?: Readonly<Record<string, unknown>>
  /** Variables of its process: crash points, proxies. */
  readonly env?: Readonly<Record<string, string>>
}
