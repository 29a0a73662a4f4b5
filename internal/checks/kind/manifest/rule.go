package manifest

// Rule is one rule, with the words that explain it.
type Rule struct {
	ID     string
	Format string // dockerfile, compose, k8s, cerebrium or twiml
	Wants  string // what holds when it is kept
	Why    string
	Fix    string
	Grave  bool // it fails; a light one warns
}

func ruleNames() []string {
	var names []string
	for _, r := range Rules() {
		names = append(names, r.ID)
	}
	return names
}

// Rules returns all rules in the order in which they are told.
func Rules() []Rule {
	const d, c, k, b, t = "dockerfile", "compose", "k8s", "cerebrium", "twiml"
	return []Rule{
		{"dockerfile-syntax", d, "every line is an instruction that exists, and a stage begins with FROM", "A builder stops at the first line that it does not know.", "mend the line", true},
		{"copy-source", d, "each source of COPY and ADD is in the build context and not ignored", "A name that differs by a letter ends the build, on the machine of whoever builds next.", "copy the file by the name that it has", true},
		{"build-file", d, "each file that a build step or the start command names was copied before", "A requirements file under another name in the image is the most common broken build.", "use one name in COPY, RUN and CMD, and copy before the step", true},
		{"build-command", d, "the build command of the platform (render.yaml, railway.json, nixpacks.toml, Procfile) names files that exist", "The platform builds with its own command, and there the file has another name than in the Dockerfile.", "use the file's own name in both places", true},
		{"expose-matches", d, "EXPOSE names the port that the start command listens on", "The port is how platform, Compose file and health check find the backend.", "write one port into EXPOSE, the start command and the platform", true},
		{"secret-in-image", d, "no ENV, ARG, RUN or COPY puts a secret into a layer", "Whoever may pull the image reads every layer, also of files that a later layer removes.", "hand secrets in when the container starts, or with RUN --mount=type=secret; list .env in .dockerignore", true},
		{"no-command", d, "the last stage says what is run", "An image without a command starts the base image's shell and ends.", "add CMD or ENTRYPOINT", true},
		{"base-tag", d, "base images have a tag that is not latest, or a digest", "The same Dockerfile builds another image tomorrow.", "name a version, at best a digest", false},
		{"root-user", d, "the last stage leaves root", "A hole in the backend is then a hole in the machine.", "add USER with an unprivileged user or number", false},
		{"no-healthcheck", d, "the last stage has a HEALTHCHECK", "An engine without one calls a hung backend healthy.", "add HEALTHCHECK that asks /health", false},
		{"shell-command", d, "CMD and ENTRYPOINT are lists, so that signals reach the backend", "A shell in between swallows the stop signal: calls are cut ten seconds later.", `write CMD ["program", "argument"]`, false},
		{"reload-in-image", d, "the start command does not reload on change", "A reloader doubles memory and restarts the backend when a file is touched.", "leave --reload and --debug out of the image", false},
		{"dockerignore", d, "a context that is copied whole has a .dockerignore", "History, environments and .env files end up in the image.", "write .dockerignore with .git, .env and .venv", false},
		{"add-remote", d, "ADD fetches nothing", "What is fetched has no checksum and is never fetched again.", "fetch in a RUN step and check the sum", false},
		{"apt-update", d, "package lists are updated in the step that installs", "A cached list installs versions that are gone.", "write apt-get update && apt-get install in one RUN", false},

		{"compose-syntax", c, "the file is YAML with services that hold an image or a build", "Compose stops at it.", "mend the file", true},
		{"compose-v1", c, "no key of the first format, which ended with Compose v1", "Compose v2 refuses services at the root and net, log_driver, dockerfile, volume_driver and cpuset of old.", "put services below services:, and use networks, logging, build.dockerfile", true},
		{"compose-key", c, "each key of a service exists", "Compose refuses an unknown key, and healthCheck is one.", "use the key's own spelling", true},
		{"compose-build", c, "build contexts and Dockerfiles exist", "The stack does not come up.", "name the folder and the file that are there", true},
		{"compose-secret", c, "no secret stands in the file", "The file is committed, and the secret with it.", "write ${NAME} or env_file, and keep the value out of the repository", true},
		{"compose-ports", c, "published ports lead to the port that the image exposes", "The stack is up, and nobody answers.", "publish the port of EXPOSE", true},
		{"compose-open-database", c, "no database or cache is published to the world", "Bots find an open Redis within the hour.", "publish on 127.0.0.1, or not at all", true},
		{"compose-docker-socket", c, "no service is privileged or holds the engine's socket", "Such a container is root on the host.", "take it out", true},
		{"compose-tag", c, "images have a tag that is not latest", "A restart may bring another version.", "name a version", false},
		{"compose-healthcheck", c, "a service that is built here has a health check, in the file or in its Dockerfile", "Nothing can wait for it, and a hung one is never restarted.", "add healthcheck with test, interval and retries", false},
		{"compose-version", c, "no version key", "It has meant nothing since Compose v2, which says so at every start.", "remove the line", false},
		{"compose-command", c, "scripts call docker compose, not docker-compose", "The old program gets no fixes since July 2023 and is gone from new installations.", "write docker compose", false},

		{"k8s-syntax", k, "each document is YAML with apiVersion, kind and name", "The API refuses it.", "mend the document", true},
		{"k8s-api-version", k, "no API version that was removed", "A cluster of today refuses it.", "use apps/v1 for Deployments and networking.k8s.io/v1 for Ingresses", true},
		{"k8s-field", k, "each field of workload, pod and container exists; healthCheck is none", "The API drops or refuses a field it does not know: there is no health check, and nobody says so.", "use livenessProbe, readinessProbe and startupProbe, and the fields' own spelling", true},
		{"k8s-selector", k, "the selector of a workload fits the labels of its pods", "The API refuses it.", "use the same labels in selector and template", true},
		{"k8s-service", k, "each Deployment has a Service that selects its pods, and each Service a target port that a container declares", "Nothing reaches the pods.", "add a Service manifest with the pods' labels and the container's port", true},
		{"port-matches", k, "containers declare the port, and Service and probes use it", "The port is how the cluster finds the backend.", "write one port into containerPort, targetPort and the probes", true},
		{"env", k, "the wanted variables have the wanted values", "A manifest that does not say production gets the defaults of development.", "set the variable in env or in the ConfigMap", true},
		{"secretRef", k, "secrets are taken by reference, and no Secret with data is committed", "The manifest is committed, and the secret with it.", "use valueFrom.secretKeyRef or envFrom.secretRef, and make the Secret outside of the repository", true},
		{"probes", k, "readiness and liveness probes ask the path at the wanted times", "Without a readiness probe calls reach a backend that is still loading; without a liveness probe a hung one stays.", "add readinessProbe and livenessProbe with httpGet.path, initialDelaySeconds and periodSeconds", true},
		{"replicas", k, "the wanted number of replicas", "One pod is none while it is replaced.", "set replicas, or minReplicas of the autoscaler", true},
		{"k8s-tag", k, "images have a tag that is not latest, or a digest", "A rollback brings back the same tag, which is another image by then.", "name a version, at best a digest", true},
		{"k8s-resources", k, "containers ask for processor and memory, and have a memory limit", "A pod without them is the first to be evicted.", "set resources.requests and resources.limits.memory", false},
		{"k8s-non-root", k, "pods do not run as root", "A hole in the backend is then a hole in the node.", "set securityContext.runAsNonRoot: true", false},
		{"k8s-drain", k, "pods may take longer than 30 s to end, or a preStop hook is there", "Live calls are cut at every release.", "set terminationGracePeriodSeconds to the longest call", false},
		{"k8s-disruption", k, "a Deployment of several replicas has a PodDisruptionBudget", "An upgrade of the nodes ends all pods at once.", "add a PodDisruptionBudget", false},

		{"cerebrium-syntax", b, "the file is TOML with a deployment name", "The deployment is refused.", "mend the file", true},
		{"cerebrium-key", b, "each key of each section exists", "A key with a typo is dropped without a word, and the default rules.", "use the key's own spelling", true},
		{"cerebrium-secret", b, "no secret stands in the file", "The file is committed, and the secret with it.", "set secrets in the dashboard or by the API", true},
		{"cerebrium-auth", b, "the platform's own check is off for the telephone hook, and the backend checks the signature", "The telephone network cannot send the platform's token; without a signature check anybody may post calls.", "set disable_auth = true and verify X-Twilio-Signature", true},
		{"cerebrium-port", b, "port and entrypoint are set and agree with each other and with files that exist", "The platform waits for a port that nobody opens.", "set [cerebrium.runtime.custom] port and entrypoint", true},
		{"scaling", b, "minimum, maximum and calls a replica are set, and the minimum is not above the maximum", "The defaults scale to nothing, and let one replica only.", "set min_replicas, max_replicas and replica_concurrency", true},
		{"warm-spare", b, "a warm replica is there before a caller is: scaling_buffer or min_replicas", "A cold start takes longer than a caller waits.", "set scaling_buffer = 1 or min_replicas = 1", true},
		{"gpu", b, "the GPU's memory is large enough for the model", "A model that does not fit ends in the first call.", "choose a larger type in [cerebrium.hardware] compute", true},
		{"replica-concurrency", b, "the wanted number of calls a replica", "Two calls on a GPU that fits one make both stutter.", "set replica_concurrency", true},
		{"cerebrium-grace", b, "a request may take as long as the longest call (2100 s for half an hour)", "response_grace_period is the time limit of a socket too: the default cuts calls after 15 minutes.", "set response_grace_period = 2100", false},
		{"cerebrium-tier", b, "the machine is not taken away in the middle of a call", "An interruptible machine ends with its calls.", `set compute_tier = "protected"`, false},

		{"twiml-valid", t, "the document is TwiML as the telephone network takes it", "A caller hears that an application error has occurred.", "mend the element", true},
		{"Say", t, "something is said, in the wanted voice", "The caller must hear what happens.", `add <Say voice="alice">`, true},
		{"Record", t, "a recording has an address to go on with, ends in time, and is transcribed when that is wanted", "Without action the same document is asked for again: the caller records for ever.", "set action, maxLength and transcribe", true},
		{"Hangup", t, "the document ends the call", "A call that nobody ends is paid for by the minute.", "end with <Hangup/>", true},
		{"reachable", t, "every element is reached", "What stands behind a Redirect, Reject or Hangup is never carried out.", "take out what is not reached, or put it before", true},
	}
}
