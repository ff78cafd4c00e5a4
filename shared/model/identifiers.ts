/**
 * Identifiers (architecture §3): surrogates, UUIDv7 as text behind a typed prefix. Names and engine
 * identities are evidence, never identifiers.
 */

declare const brand: unique symbol

/** Text known to be an identifier of one kind. */
export type Identifier<P extends string> = string & { readonly [brand]: P }

export const idPrefixes = {
  cluster: 'cls',
  instance: 'ins',
  database: 'dbs',
  job: 'job',
  attempt: 'att',
  backup: 'bak',
  agent: 'agt',
  result: 'res',
  alert: 'alr',
  silence: 'sil',
  token: 'tok',
  approval: 'apr',
  incarnation: 'inc',
  fleet: 'flt',
} as const

export type IdKind = keyof typeof idPrefixes
export type IdOf<K extends IdKind> = Identifier<(typeof idPrefixes)[K]>
export type ClusterId = IdOf<'cluster'>
export type InstanceId = IdOf<'instance'>
export type DatabaseId = IdOf<'database'>
export type JobId = IdOf<'job'>
export type AttemptId = IdOf<'attempt'>
export type BackupId = IdOf<'backup'>
export type AgentId = IdOf<'agent'>
export type ResultId = IdOf<'result'>
export type AlertId = IdOf<'alert'>
export type SilenceId = IdOf<'silence'>
export type TokenId = IdOf<'token'>
export type ApprovalId = IdOf<'approval'>

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether `text` is an identifier of `kind`. */
export function isId<K extends IdKind>(kind: K, text: string): text is IdOf<K> {
  const prefix = `${idPrefixes[kind]}_`
  return text.startsWith(prefix) && uuid.test(text.slice(prefix.length))
}

/** Makes an identifier of `kind` from a UUIDv7 in lower case; throws on anything else. */
export function idFrom<K extends IdKind>(kind: K, uuidV7: string): IdOf<K> {
  const id = `${idPrefixes[kind]}_${uuidV7}`
  if (!isId(kind, id)) throw new TypeError(`not a UUIDv7: ${uuidV7}`)
  return id
}
