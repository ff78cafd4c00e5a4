/**
 * The one registry of errors (style: "one error, one table"). Every code says what a person reads, what
 * they do next, how it travels over gRPC, how a command exits, and whether trying again can help.
 *
 * Exit codes are API: 0 ok · 1 the question's answer is "no" (gaps, a failed job under --wait) · 2 usage ·
 * 10 configuration · 11 not found · 12 conflict · 13 denied · 14 coordinator unreachable · 20 tools of the
 * host · 21 database · 22 dump or restore · 30 object store · 31 backup not intact · 40 store · 70 a defect
 * of Holdfast itself · 130 interrupted.
 */

/** gRPC status names as `@grpc/grpc-js` spells them. */
export type GrpcStatus =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'ABORTED'
  | 'UNAVAILABLE'
  | 'UNIMPLEMENTED'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'INTERNAL'

/**
 * Whether trying again helps: `backoff` later, by itself · `after-fix` only once a person changed
 * something (retried by policy all the same, since hosts get fixed) · `never`.
 */
export type RetryClass = 'backoff' | 'after-fix' | 'never'

/** What the registry knows about a code. */
export interface ErrorTraits {
  readonly message: string
  readonly hint: string
  readonly grpc: GrpcStatus
  readonly exit: number
  readonly retry: RetryClass
}

export const errorCodes = {
  // what monitors of a host read
  'report.missing': {
    message: 'there is no status file',
    hint: 'The agent writes it after its first backup; --file says where it lies (`status_file` of the agent).',
    grpc: 'NOT_FOUND',
    exit: 11,
    retry: 'after-fix',
  },
  'report.unreadable': {
    message: 'the status file cannot be read',
    hint: 'Check who may read it; the agent writes a new one after its next backup.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },

  // configuration and input
  'config.invalid': {
    message: 'the configuration has problems',
    hint: 'Correct the keys listed; `config show` prints what is in effect.',
    grpc: 'INVALID_ARGUMENT',
    exit: 10,
    retry: 'after-fix',
  },
  'config.unreadable': {
    message: 'the configuration file cannot be read',
    hint: 'Check the path and its permissions.',
    grpc: 'INVALID_ARGUMENT',
    exit: 10,
    retry: 'after-fix',
  },
  'policy.invalid': {
    message: 'the policies have problems',
    hint: 'Correct what is listed; those in force stay until then.',
    grpc: 'INVALID_ARGUMENT',
    exit: 10,
    retry: 'after-fix',
  },
  'policy.elsewhere': {
    message: 'the policies are kept elsewhere',
    hint: 'Change them where they are kept; `holdfast policy list` says where.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'after-fix',
  },
  'secret.exposed': {
    message: 'a secret file can be read by others',
    hint: 'Run `chmod 600` on it, owned by the user Holdfast runs as.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'secret.unreadable': {
    message: 'a secret file cannot be read',
    hint: 'Check that it exists and is readable by the user Holdfast runs as.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'usage.invalid': {
    message: 'the command line is not valid',
    hint: 'See `--help` for the form and an example.',
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    retry: 'never',
  },
  'request.invalid': {
    message: 'the request is not valid',
    hint: 'Correct the fields listed.',
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    retry: 'never',
  },
  'page-token.invalid': {
    message: 'the page token is not one this list gave out',
    hint: 'Start again from the first page.',
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    retry: 'never',
  },
  'listen.plaintext-refused': {
    message: 'a plaintext listener is only allowed on loopback, with --insecure-loopback',
    hint: 'Give `tls` in the configuration (`holdfast-coordinator init` makes what it needs), or listen on 127.0.0.1 and pass --insecure-loopback.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'listen.failed': {
    message: 'the address cannot be listened on',
    hint: 'Choose a free port, or stop what holds it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  interrupted: {
    message: 'interrupted',
    hint: 'Nothing half-done was kept; run it again.',
    grpc: 'CANCELLED',
    exit: 130,
    retry: 'backoff',
  },

  // asking the coordinator
  'not-found': {
    message: 'there is no such thing',
    hint: 'List what there is with the matching `list` command.',
    grpc: 'NOT_FOUND',
    exit: 11,
    retry: 'never',
  },
  ambiguous: {
    message: 'more than one thing has that name',
    hint: 'Name it by its id.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  conflict: {
    message: 'that contradicts what is there now',
    hint: 'Look at the present state, then decide again.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'access.flooding': {
    message: 'more is asked than one peer may ask for',
    hint: 'Ask less often, or have `limits` of the coordinator raised.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 14,
    retry: 'backoff',
  },
  'approval.needed': {
    message: 'this needs the approval of a second person',
    hint: 'Have an admin grant it (`holdfast approval grant`), then repeat the command with --approval and its id.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'approval.void': {
    message: 'the approval does not count for this',
    hint: 'Repeat the command without --approval: it asks for a new one.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'access.denied': {
    message: 'your role does not allow this',
    hint: 'Ask an admin for the role named.',
    grpc: 'PERMISSION_DENIED',
    exit: 13,
    retry: 'never',
  },
  'access.unauthenticated': {
    message: 'who you are could not be established',
    hint: 'Present a certificate or token this coordinator knows.',
    grpc: 'UNAUTHENTICATED',
    exit: 13,
    retry: 'never',
  },
  'access.revoked': {
    message: 'this certificate was revoked, or its time is over',
    hint: 'An admin decides; a revoked host joins anew with a fresh token: `holdfast agent token create`.',
    grpc: 'UNAUTHENTICATED',
    exit: 13,
    retry: 'never',
  },
  'enrol.bad-request': {
    message: 'the certificate request cannot be granted',
    hint: 'Run `holdfast-agent join` of this version; it makes the request.',
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    retry: 'never',
  },
  'enrol.bad-token': {
    message: 'the join token is not valid: unknown, used, expired, or for another host',
    hint: 'Make a fresh one with `holdfast agent token create`.',
    grpc: 'UNAUTHENTICATED',
    exit: 13,
    retry: 'never',
  },
  'enrol.wrong-authority': {
    message: 'the coordinator is not the one the join token was made by',
    hint: 'Check the address; do not go on if it is right: somebody may stand in between.',
    grpc: 'UNAUTHENTICATED',
    exit: 13,
    retry: 'never',
  },
  'enrol.no-authority': {
    message: 'this coordinator certifies nobody: it has no CA key',
    hint: 'Set `tls.ca_key_file`, or use certificates of your own PKI.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'enrol.not-renewable': {
    message: 'this certificate cannot be renewed',
    hint: 'Join anew with a fresh token: `holdfast agent token create`, then `holdfast-agent join`.',
    grpc: 'UNAUTHENTICATED',
    exit: 13,
    retry: 'never',
  },
  'tls.unusable': {
    message: 'a certificate or key cannot be used',
    hint: 'Check that the files hold PEM, belong together, and are in date.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'tls.exists': {
    message: 'there is a file already, and nothing is overwritten',
    hint: 'Choose an empty folder, or move what is there away.',
    grpc: 'ALREADY_EXISTS',
    exit: 12,
    retry: 'after-fix',
  },
  'tls.unwritable': {
    message: 'a certificate or key cannot be written',
    hint: 'Check that the folder is writable and the disk not full.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'coordinator.unreachable': {
    message: 'the coordinator does not answer',
    hint: 'Check the address (--coordinator or HOLDFAST_COORDINATOR) and that it is running.',
    grpc: 'UNAVAILABLE',
    exit: 14,
    retry: 'backoff',
  },
  'coordinator.deadline': {
    message: 'the coordinator took too long to answer',
    hint: 'Look at its /readyz and logs, then try again.',
    grpc: 'DEADLINE_EXCEEDED',
    exit: 14,
    retry: 'backoff',
  },
  'coordinator.draining': {
    message: 'the coordinator is stopping',
    hint: 'Try again in a moment.',
    grpc: 'UNAVAILABLE',
    exit: 14,
    retry: 'backoff',
  },
  'coordinator.older': {
    message: 'the coordinator does not know this request',
    hint: 'The client is newer than the coordinator; upgrade the coordinator first.',
    grpc: 'UNIMPLEMENTED',
    exit: 14,
    retry: 'after-fix',
  },

  // the coordinator's own store
  'leader.deposed': {
    message: 'another coordinator has become leader',
    hint: 'Nothing to do: this process stands by.',
    grpc: 'UNAVAILABLE',
    exit: 40,
    retry: 'backoff',
  },
  'leader.none': {
    message: 'no coordinator is leading',
    hint: 'Wait for the takeover, or look at the coordinators.',
    grpc: 'UNAVAILABLE',
    exit: 40,
    retry: 'backoff',
  },
  'store.unavailable': {
    message: 'the store does not answer',
    hint: 'Check the database of the coordinator; agents go on meanwhile.',
    grpc: 'UNAVAILABLE',
    exit: 40,
    retry: 'backoff',
  },
  'store.newer': {
    message: 'the store was written by a newer version that this one cannot read',
    hint: 'Run the newer version.',
    grpc: 'FAILED_PRECONDITION',
    exit: 40,
    retry: 'after-fix',
  },
  'store.locked': {
    message: 'another coordinator holds this store',
    hint: 'One coordinator at a time on SQLite; use PostgreSQL for several.',
    grpc: 'FAILED_PRECONDITION',
    exit: 40,
    retry: 'after-fix',
  },
  'store.corrupt': {
    message: 'a row of the store cannot be read',
    hint: 'It was damaged or written by hand; restore the store from its backup.',
    grpc: 'INTERNAL',
    exit: 40,
    retry: 'never',
  },
  'audit.broken': {
    message: 'the audit chain is broken',
    hint: 'The row named was changed, removed or inserted outside Holdfast; compare with the anchors.',
    grpc: 'FAILED_PRECONDITION',
    exit: 1,
    retry: 'never',
  },
  'audit.no-anchors': {
    message: 'no anchors of the audit are kept',
    hint: 'Name a destination under `audit.anchors` of the coordinator.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'audit.not-shipped': {
    message: 'the audit could not be shipped',
    hint: 'Look at the place that `audit.ship` of the coordinator names; events wait and come in order once it takes them.',
    grpc: 'UNAVAILABLE',
    exit: 14,
    retry: 'backoff',
  },
  'audit.no-keeper': {
    message: 'no keeper could be asked about the anchors of the audit',
    hint: 'Start an agent with `keeper: true` and the credentials of the destination in `audit.anchors`; `--without-anchors` checks the chain alone.',
    grpc: 'FAILED_PRECONDITION',
    exit: 14,
    retry: 'backoff',
  },

  // the control link
  'link.refused': {
    message: 'the coordinator refused this agent',
    hint: 'Read the reason; the agent log has the details.',
    grpc: 'PERMISSION_DENIED',
    exit: 13,
    retry: 'backoff',
  },
  'link.cloned': {
    message: 'another live agent has this identity',
    hint: 'This host is a clone: give it an identity of its own (remove its state folder).',
    grpc: 'PERMISSION_DENIED',
    exit: 13,
    retry: 'after-fix',
  },
  'link.stale-term': {
    message: 'a message from a coordinator that is no longer leader',
    hint: 'Nothing to do: the agent connects to the leader.',
    grpc: 'ABORTED',
    exit: 70,
    retry: 'backoff',
  },
  'link.plaintext-refused': {
    message: 'plaintext to a coordinator is only allowed on loopback, with insecure_loopback',
    hint: 'Use certificates (an agent: `holdfast-agent join`; an operator: --identity), or dial 127.0.0.1 with insecure_loopback.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'link.too-large': {
    message: 'the message is larger than allowed',
    hint: 'Inventory must be sent in chunks.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 70,
    retry: 'never',
  },
  'link.protocol': {
    message: 'the peer broke the protocol',
    hint: 'Compare the versions of both sides.',
    grpc: 'INVALID_ARGUMENT',
    exit: 70,
    retry: 'backoff',
  },

  // jobs
  'job.lease-expired': {
    message: 'the agent was not heard of for a whole lease',
    hint: 'Look at the host; the job is retried by policy.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'backoff',
  },
  'job.agent-restarted': {
    message: 'the agent restarted and no longer runs this',
    hint: 'Nothing to do; the job is retried by policy.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'backoff',
  },
  'job.not-accepted': {
    message: 'the agent did not accept in time',
    hint: 'Look at the agent; the job is placed again.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'backoff',
  },
  'job.declined': {
    message: 'the agent declined the job',
    hint: 'Read its reason; the job is placed again by policy.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'backoff',
  },
  'job.lost-guarded': {
    message: 'the agent was lost during a guarded job; its target may be half written',
    hint: 'Look at the target, clean it up, then start the job again by hand.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'never',
  },
  'job.cancelled': {
    message: 'the job was cancelled',
    hint: 'Start it again when wanted.',
    grpc: 'CANCELLED',
    exit: 1,
    retry: 'never',
  },
  'job.superseded': {
    message: 'a newer attempt of this job exists',
    hint: 'Nothing to do.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'never',
  },
  'job.failed': {
    message: 'the job failed',
    hint: 'See `holdfast job get` and `job explain` for stage and reason.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'never',
  },
  'agent.draining': {
    message: 'the agent takes no new work',
    hint: 'Undrain it, or wait for another.',
    grpc: 'UNAVAILABLE',
    exit: 1,
    retry: 'backoff',
  },
  'agent.busy': {
    message: 'the agent has no free slot',
    hint: 'Nothing to do; the job is placed again. Raise `slots` of the agent if the host can carry more.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 1,
    retry: 'backoff',
  },
  'agent.not-joined': {
    message: 'this host has no certificate',
    hint: 'Join it: `holdfast agent token create` for an admin, then `holdfast-agent join` here; on loopback pass --insecure-loopback.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'agent.not-keeper': {
    message: 'the agent may not delete in buckets',
    hint: 'Set `keeper: true` in the configuration of one agent that has the credentials for it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'agent.state-locked': {
    message: 'another agent works in this state folder',
    hint: 'Stop it, or give this agent a state folder of its own.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'job.grant-refused': {
    message: 'the coordinator did not grant the step',
    hint: 'Read the reason; holds and newer decisions win over a job.',
    grpc: 'ABORTED',
    exit: 1,
    retry: 'never',
  },
  'agent.no-credential': {
    message: 'the agent has no credential for this instance',
    hint: 'Add an entry for it under `instances` in the agent configuration.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'agent.state-unwritable': {
    message: 'the state folder of the agent cannot be written',
    hint: 'Check its owner, permissions and free space.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },

  // host tools and processes
  'tool.missing': {
    message: 'a tool this host needs is missing',
    hint: 'Install the package named, or set its path in the agent configuration.',
    grpc: 'FAILED_PRECONDITION',
    exit: 20,
    retry: 'after-fix',
  },
  'tool.too-old': {
    message: 'the client tool is older than the server',
    hint: 'Install client tools of the server version or newer; an older pg_dump refuses or loses features.',
    grpc: 'FAILED_PRECONDITION',
    exit: 20,
    retry: 'after-fix',
  },
  'stage.failed': {
    message: 'a stage of the pipeline failed',
    hint: 'The stage, its status and the end of its stderr are in the context.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'stage.bytes-lost': {
    message: 'bytes were lost between two stages of the pipeline',
    hint: 'The tool that read less than was written ended early with exit 0; check the host (memory, disk, tool version).',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'hook.failed': {
    message: 'a hook before the backup failed',
    hint: 'Nothing was dumped. The hook, its status and the end of what it said are in the context and in the agent’s log.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'hook.unknown': {
    message: 'this host has no hook of that name',
    hint: 'Add it under `hooks` in the agent’s configuration and restart the agent, or take it out of the policy; `holdfast agent get HOST` shows what it has.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'hook.unsafe': {
    message: 'what a hook would run may be changed by others',
    hint: 'The program, the configuration that names it, and every folder above them must belong to root or the agent’s user and be writable by nobody else (chmod go-w).',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'job.timed-out': {
    message: 'the attempt took longer than its policy allows',
    hint: 'It is retried while attempts are left. Raise `timeout` of the policy if it must take that long.',
    grpc: 'DEADLINE_EXCEEDED',
    exit: 22,
    retry: 'backoff',
  },
  'stage.silent': {
    message: 'a stage of the pipeline was silent for too long',
    hint: 'The context says which; look at what it waits for, or raise `idle_timeout`.',
    grpc: 'DEADLINE_EXCEEDED',
    exit: 22,
    retry: 'backoff',
  },
  'dump.snapshot-lost': {
    message: 'the session that holds the snapshot of the dump was lost',
    hint: 'It is retried; look for restarts, recovery conflicts or someone who ended the session.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'dump.blocked-others': {
    message: 'the dump blocked other sessions for longer than its policy allows',
    hint: 'It is retried; the context says who waited. Move schema changes out of the window, or raise `blocking_limit`.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'dump.holds-back': {
    message: 'the dump held back the server for more than its policy allows',
    hint: 'It is retried; the context says what waited for it. Dump at a quieter time or from a replica, or raise the setting it names.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'dump.schema-moving': {
    message: 'the tables of the database changed each time their snapshot was to be taken',
    hint: 'It is retried; something creates, drops or renames tables all the time. `streams: 1` does without the comparison.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'dump.unaccounted': {
    message: 'the streams of the dump do not hold every table exactly once',
    hint: 'Nothing was stored. The context names the tables; `streams: 1` dumps everything in one archive.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'staging.low-space': {
    message: 'the staging folder has too little free space for this backup',
    hint: 'Free what the context says is missing, put `staging.folder` on a larger disk, or let the policy stream.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 20,
    retry: 'after-fix',
  },
  'staging.full': {
    message: 'the staging folder ran full',
    hint: 'The backup was larger than predicted, or something else filled the disk; what was staged is removed.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 20,
    retry: 'after-fix',
  },
  'staging.unusable': {
    message: 'the staging folder cannot be used',
    hint: 'Make it a folder that the agent owns and can write, or choose another with `staging.folder`.',
    grpc: 'FAILED_PRECONDITION',
    exit: 20,
    retry: 'after-fix',
  },
  'dump.incomplete': {
    message: 'the dump does not end with its completion mark',
    hint: 'The dump tool ended early although it reported success; look at the server log.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'backoff',
  },
  'dump.warned': {
    message: 'the dump tool reported objects it could not dump',
    hint: 'Give the backup role the privileges named in stderr.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'after-fix',
  },
  'restore.failed': {
    message: 'the restore failed',
    hint: 'Nothing was renamed into place; read the stage and its stderr.',
    grpc: 'ABORTED',
    exit: 22,
    retry: 'never',
  },
  'restore.target-exists': {
    message: 'the target database already exists',
    hint: 'Choose another name with --into, or drop it yourself first.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'restore.requirement-missing': {
    message: 'the target server lacks what the backup needs',
    hint: 'Provide what is named (restore the globals first for roles and tablespaces), or restore without owners.',
    grpc: 'FAILED_PRECONDITION',
    exit: 22,
    retry: 'never',
  },
  'restore.target-locked': {
    message: 'another restore works on this target',
    hint: 'Wait for it, or cancel it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'backoff',
  },

  // proof by restore
  'verify.not-configured': {
    message: 'this agent verifies nothing',
    hint: 'Give it a folder for throw-away servers: `verify.folder` in its configuration.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'verify.busy': {
    message: 'this agent verifies as many backups as it may at once',
    hint: 'Wait, or raise `verify.at_once` of the agent.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 12,
    retry: 'backoff',
  },
  'verify.no-server': {
    message: 'this host has no server program the backup could be restored into',
    hint: 'Install the server of the same version, or a newer one, on a host that verifies; see docs/reference/verification.md.',
    grpc: 'FAILED_PRECONDITION',
    exit: 20,
    retry: 'after-fix',
  },
  'verify.user-missing': {
    message: 'the server program does not run as root, and nothing says as whom it shall',
    hint: 'Make a user for throw-away servers, one that owns nothing else, and name it with `verify.user`.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'verify.server-failed': {
    message: 'the throw-away server did not start, or died',
    hint: 'Read what it said last; it says nothing of the backup.',
    grpc: 'ABORTED',
    exit: 20,
    retry: 'backoff',
  },
  'verify.low-space': {
    message: 'the verify folder has too little free space to restore this backup',
    hint: 'Free what the context says is missing, or put `verify.folder` on a larger disk.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 20,
    retry: 'after-fix',
  },
  'verify.not-here': {
    message: 'the backup cannot be tried on this host',
    hint: 'Provide what is named on a host that verifies: extensions, locales, the same version of the server. It says nothing of the backup.',
    grpc: 'FAILED_PRECONDITION',
    exit: 20,
    retry: 'after-fix',
  },
  'verify.differs': {
    message: 'what was restored is not what its census says',
    hint: 'Look at the differences; make a new backup, and keep the older ones until it is verified.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },
  'verify.unrestorable': {
    message: 'the backup cannot be restored',
    hint: 'Read why; make a new backup now, and keep the older ones until it is verified.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },

  // databases
  'database.unreachable': {
    message: 'the database server does not answer',
    hint: 'Check host, port and that the server is running.',
    grpc: 'UNAVAILABLE',
    exit: 21,
    retry: 'backoff',
  },
  'database.auth-failed': {
    message: 'the database server refused the login',
    hint: 'Check user and password file, and the server access rules.',
    grpc: 'FAILED_PRECONDITION',
    exit: 21,
    retry: 'after-fix',
  },
  'database.privilege-missing': {
    message: 'the backup role lacks a privilege',
    hint: 'Grant what is named in the context.',
    grpc: 'FAILED_PRECONDITION',
    exit: 21,
    retry: 'after-fix',
  },
  'database.gone': {
    message: 'the database does not exist on the server',
    hint: 'It was dropped or renamed after it was planned; it is no longer due once inventory notices.',
    grpc: 'NOT_FOUND',
    exit: 21,
    retry: 'backoff',
  },
  'database.name-unsupported': {
    message: 'the database name cannot be passed to the tools of this engine',
    hint: 'Rename the database.',
    grpc: 'INVALID_ARGUMENT',
    exit: 21,
    retry: 'never',
  },
  'database.conflict': {
    message: 'the database server ended our session or blocked us',
    hint: 'It is retried; look for locks, restarts or recovery conflicts.',
    grpc: 'ABORTED',
    exit: 21,
    retry: 'backoff',
  },
  'database.lock-slots': {
    message: 'the server has too few lock slots for a dump of this many relations',
    hint: 'Raise max_locks_per_transaction as far as the context says and restart the server: a full lock table fails the application too.',
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 21,
    retry: 'after-fix',
  },
  'database.tls-failed': {
    message: 'no TLS connection to the database server could be made as configured',
    hint: 'Check `tls`, the CA file and the certificate of the server; `prefer` falls back to plain text.',
    grpc: 'FAILED_PRECONDITION',
    exit: 21,
    retry: 'after-fix',
  },
  'database.not-connectable': {
    message: 'the database does not accept connections',
    hint: 'Allow connections to it (ALTER DATABASE … ALLOW_CONNECTIONS), or exclude it by policy.',
    grpc: 'FAILED_PRECONDITION',
    exit: 21,
    retry: 'after-fix',
  },
  'database.wrong-engine': {
    message: 'the server is of another engine than the one configured',
    hint: 'Correct `engine` of this instance.',
    grpc: 'FAILED_PRECONDITION',
    exit: 21,
    retry: 'after-fix',
  },
  'database.replication-stopped': {
    message: 'replication is stopped, so the age of the data cannot be told',
    hint: 'Start replication again, or back up from the primary.',
    grpc: 'FAILED_PRECONDITION',
    exit: 21,
    retry: 'backoff',
  },
  'engine.unknown': {
    message: 'this engine is not supported',
    hint: 'Supported: postgres, mysql, mariadb.',
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    retry: 'never',
  },

  // object store
  'object-store.unreachable': {
    message: 'the object store does not answer',
    hint: 'Check endpoint, network and proxy.',
    grpc: 'UNAVAILABLE',
    exit: 30,
    retry: 'backoff',
  },
  'object-store.throttled': {
    message: 'the object store asks to slow down',
    hint: 'No action needed; uploads slow down and continue.',
    grpc: 'UNAVAILABLE',
    exit: 30,
    retry: 'backoff',
  },
  'object-store.bucket-missing': {
    message: 'the bucket does not exist',
    hint: 'Create it, or correct the destination.',
    grpc: 'NOT_FOUND',
    exit: 30,
    retry: 'after-fix',
  },
  'object-store.denied': {
    message: 'the object store denied access',
    hint: 'Check credentials and bucket policy for the operation named.',
    grpc: 'PERMISSION_DENIED',
    exit: 30,
    retry: 'after-fix',
  },
  'object-store.wrong-region': {
    message: 'the bucket is in another region',
    hint: 'Set the region named in the context on the destination.',
    grpc: 'FAILED_PRECONDITION',
    exit: 30,
    retry: 'after-fix',
  },
  'object-store.not-found': {
    message: 'the object does not exist',
    hint: 'Check the key; the backup may be incomplete or deleted.',
    grpc: 'NOT_FOUND',
    exit: 30,
    retry: 'never',
  },
  'object-store.exists': {
    message: 'an object of this key exists with other content',
    hint: 'Keys carry the attempt id, so this needs a look: two writers share an attempt.',
    grpc: 'ALREADY_EXISTS',
    exit: 30,
    retry: 'never',
  },
  'object-store.upload-gone': {
    message: 'the multipart upload no longer exists',
    hint: 'A lifecycle rule or a keeper aborted it; the attempt is tried again.',
    grpc: 'ABORTED',
    exit: 30,
    retry: 'backoff',
  },
  'object-store.corrupt': {
    message: 'the stored object differs from what was sent',
    hint: 'The object store or the network changed bytes; the attempt is tried again.',
    grpc: 'ABORTED',
    exit: 30,
    retry: 'backoff',
  },
  'object-store.failed': {
    message: 'the object store answered with an error',
    hint: 'Read the status and code in the context.',
    grpc: 'UNAVAILABLE',
    exit: 30,
    retry: 'backoff',
  },
  'object-store.unsupported': {
    message: 'the object store cannot do this',
    hint: 'Run `holdfast-agent doctor --destination …` to see what the bucket supports, and correct profile and settings.',
    grpc: 'FAILED_PRECONDITION',
    exit: 30,
    retry: 'after-fix',
  },
  'destination.invalid': {
    message: 'the destination is not a valid URL',
    hint: 'Use s3://bucket/prefix or file:///absolute/path.',
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    retry: 'never',
  },
  'destination.unknown': {
    message: 'the policy names a destination that is not configured',
    hint: 'Add it under `destinations`, or correct the policy.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },

  // backups and manifests
  'manifest.invalid': {
    message: 'the manifest is not a valid one',
    hint: 'The object was damaged or is no Holdfast manifest.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },
  'manifest.newer': {
    message: 'the manifest has a format version this program does not read',
    hint: 'Use the Holdfast version that wrote it, or newer.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'after-fix',
  },
  'backup.corrupt': {
    message: 'a part of the backup does not match its manifest',
    hint: 'Do not restore from this copy; use another copy or backup.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },
  'backup.untrusted': {
    message: 'what the catalog holds of the backup is not what its agent signed',
    hint: 'Nothing was started. `holdfast audit verify` says whether the store was changed; the manifest in the bucket can be restored by hand.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },
  'copy.lagging': {
    message: 'a destination held the backup up for longer than its policy allows',
    hint: 'A copy job makes this copy later; raise `copy_patience` to wait longer for it.',
    grpc: 'DEADLINE_EXCEEDED',
    exit: 30,
    retry: 'backoff',
  },
  'copy.conflict': {
    message: 'another manifest lies where the copy belongs',
    hint: 'Somebody else wrote there; compare both before you remove one.',
    grpc: 'ALREADY_EXISTS',
    exit: 31,
    retry: 'never',
  },
  'verify.not-possible': {
    message: 'this backup cannot be verified by a restore',
    hint: 'Backups of databases are. What a cluster has globally (roles, tablespaces) is restored by hand, into a server that holds nothing else.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'backup.held': {
    message: 'somebody holds this backup',
    hint: 'The context says who and why; `holdfast backup release` ends the hold.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'backup.in-use': {
    message: 'a job reads this backup',
    hint: 'Wait for the job in the context, or cancel it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'backup.locked': {
    message: 'this backup is kept by Object Lock',
    hint: 'Nobody deletes it before the time in the context; retention tries again by itself.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'backup.last-good': {
    message: 'this is the last good backup of its database',
    hint: 'Make another first. Who means it says `--even-last-good`.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'backup.deleting': {
    message: 'this backup is being deleted',
    hint: 'Use another one. Until the first of its objects is removed, `holdfast backup hold` keeps it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 12,
    retry: 'never',
  },
  'backup.incomplete': {
    message: 'the backup lacks an object its manifest names',
    hint: 'Use another copy or backup.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },

  // codecs and encryption
  'codec.invalid': {
    message: 'the compression asked for is not one this agent can make',
    hint: 'Correct codec, level, long mode or threads; the context says what is expected. An agent older than its coordinator may lack a codec: upgrade it.',
    grpc: 'INVALID_ARGUMENT',
    exit: 10,
    retry: 'after-fix',
  },
  'encryption.required': {
    message: 'encryption is required, but nothing says for whom',
    hint: 'Give recipients, a recipients file or a KMS key in the policy or in the agent configuration (`encryption`), or no longer require it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'encryption.recipient-invalid': {
    message: 'a recipient is not one age can encrypt for',
    hint: 'Recipients are public keys: age1…, ssh-ed25519 … or ssh-rsa …, one a line in a recipients file.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'encryption.recipients-unreadable': {
    message: 'the recipients file cannot be read',
    hint: 'Check that it exists on the host of the agent and that the agent may read it.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'encryption.identity-missing': {
    message: 'the backup is encrypted and no identity to read it is configured',
    hint: 'Give the file of an identity for one of the recipients: `encryption.identity_files` of the agent, or --identity FILE.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'encryption.identity-invalid': {
    message: 'an identity file is not one age can use',
    hint: 'It holds AGE-SECRET-KEY-1… lines as age-keygen writes them, or an SSH key without a passphrase. Decrypt a passphrase-protected one first.',
    grpc: 'FAILED_PRECONDITION',
    exit: 10,
    retry: 'after-fix',
  },
  'encryption.identity-mismatch': {
    message: 'no identity given can read this backup',
    hint: 'The context names the recipients it was encrypted for; give an identity of one of them.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'after-fix',
  },
  'encryption.context-mismatch': {
    message: 'the wrapped key in the manifest belongs to another backup',
    hint: 'The manifest was put together from two; use another copy, whose hash is the recorded one.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },
  'kms.denied': {
    message: 'the key service denied access',
    hint: 'Backing up needs kms:Encrypt on the key, restoring kms:Decrypt, each with its own role; check key policy, credentials and encryption-context conditions.',
    grpc: 'PERMISSION_DENIED',
    exit: 30,
    retry: 'after-fix',
  },
  'kms.key-missing': {
    message: 'the key service knows no such key',
    hint: 'Check ARN or alias, account and region of the key.',
    grpc: 'NOT_FOUND',
    exit: 30,
    retry: 'after-fix',
  },
  'kms.key-disabled': {
    message: 'the key is disabled',
    hint: 'Enable it, or let the policy name another; backups it wrapped are readable once it is enabled, or by break-glass identities.',
    grpc: 'FAILED_PRECONDITION',
    exit: 30,
    retry: 'after-fix',
  },
  'kms.key-unusable': {
    message: 'the key cannot be used in its present state',
    hint: 'Is its deletion pending? Cancel that now (`aws kms cancel-key-deletion`): once it is gone, what it wrapped opens for break-glass identities only.',
    grpc: 'FAILED_PRECONDITION',
    exit: 30,
    retry: 'after-fix',
  },
  'kms.ciphertext-refused': {
    message: 'the key service does not take the wrapped key for one of this backup',
    hint: 'The wrapped key was changed, or belongs to another backup or key; use another copy of the manifest.',
    grpc: 'FAILED_PRECONDITION',
    exit: 31,
    retry: 'never',
  },
  'kms.throttled': {
    message: 'the key service asks to slow down',
    hint: 'It was tried several times; the job is tried again later. Raise the request quota of KMS if this stays.',
    grpc: 'UNAVAILABLE',
    exit: 30,
    retry: 'backoff',
  },
  'kms.unreachable': {
    message: 'the key service does not answer',
    hint: 'Check region, endpoint (AWS_ENDPOINT_URL_KMS) and network.',
    grpc: 'UNAVAILABLE',
    exit: 30,
    retry: 'backoff',
  },

  // discovery
  'discovery.unavailable': {
    message: 'service discovery does not answer',
    hint: 'The last known fleet stays; check Consul.',
    grpc: 'UNAVAILABLE',
    exit: 1,
    retry: 'backoff',
  },
  'discovery.denied': {
    message: 'service discovery denied access',
    hint: 'Check the ACL token of the coordinator.',
    grpc: 'PERMISSION_DENIED',
    exit: 1,
    retry: 'after-fix',
  },
  'discovery.invalid': {
    message: 'service discovery gave an answer that makes no sense',
    hint: 'The last known fleet stays; check Consul and the static file.',
    grpc: 'UNAVAILABLE',
    exit: 1,
    retry: 'backoff',
  },

  'alert.undeliverable': {
    message: 'an alert could not be delivered',
    hint: 'Check the channel; delivery is retried.',
    grpc: 'UNAVAILABLE',
    exit: 1,
    retry: 'backoff',
  },
  internal: {
    message: 'a defect of Holdfast',
    hint: 'Please report it with the log around this line.',
    grpc: 'INTERNAL',
    exit: 70,
    retry: 'backoff',
  },
} as const satisfies Record<string, ErrorTraits>

/** A code of the registry. */
export type ErrorCode = keyof typeof errorCodes

/** Narrows text from the wire, a journal or a store row; unknown codes of a newer peer become `internal`. */
export function errorCodeFrom(text: string): ErrorCode {
  return Object.hasOwn(errorCodes, text) ? (text as ErrorCode) : 'internal'
}

/** What the registry says about a code. */
export function traitsOf(code: ErrorCode): ErrorTraits {
  return errorCodes[code]
}
