/** The dedup keys of alerts: what they are about. At most one alert of a key is open (docs/reference/alerts.md). */
export const keyOf = {
  jobFailed: (jobKind: string, subject: string) => `job-failed/${jobKind}/${subject}`,
  longRunning: (jobKind: string, subject: string) => `long-running/${jobKind}/${subject}`,
  breach: (databaseId: string) => `breach/${databaseId}`,
  agentSilent: (agentId: string) => `agent-silent/${agentId}`,
  agentCloned: (agentId: string) => `agent-cloned/${agentId}`,
  siteSilent: (site: string) => `site-silent/${site}`,
  destinationFailing: (destination: string) => `destination-failing/${destination}`,
  destinationSlow: (destination: string) => `destination-slow/${destination}`,
  clockOffset: (agentId: string) => `clock-offset/${agentId}`,
  sizeAnomaly: (databaseId: string) => `size-anomaly/${databaseId}`,
  outgrows: (databaseId: string) => `outgrows-window/${databaseId}`,
  diskLow: (agentId: string, path: string) => `disk-low/${agentId}/${path}`,
  copiesMissing: (subject: string) => `copies-missing/${subject}`,
  backupSucceeded: (jobId: string) => `backup-succeeded/${jobId}`,
  group: (kind: string) => `group/${kind}`,
  store: 'store-trouble',
} as const
