package manifest

// The fields of the objects that a backend is deployed with, as the Kubernetes API of version 1.36 has them.
var (
	containerFields = []string{ //nolint:gochecknoglobals // a table
		"args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name", "ports", "readinessProbe", "resizePolicy", "resources",
		"restartPolicy", "restartPolicyRules", "securityContext", "startupProbe", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty",
		"volumeDevices", "volumeMounts", "workingDir",
	}
	podFields = []string{ //nolint:gochecknoglobals // a table
		"activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy", "enableServiceLinks", "ephemeralContainers", "hostAliases",
		"hostIPC", "hostNetwork", "hostPID", "hostUsers", "hostname", "hostnameOverride", "imagePullSecrets", "initContainers", "nodeName", "nodeSelector", "os", "overhead",
		"preemptionPolicy", "priority", "priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy", "runtimeClassName", "schedulerName",
		"schedulingGates", "securityContext", "serviceAccount", "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain",
		"terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes", "workloadRef",
	}
	deploymentFields = []string{"minReadySeconds", "paused", "progressDeadlineSeconds", "replicas", "revisionHistoryLimit", "selector", "strategy", "template"} //nolint:gochecknoglobals // a table
	probeFields      = []string{                                                                                                                                //nolint:gochecknoglobals // a table
		"exec", "failureThreshold", "grpc", "httpGet", "initialDelaySeconds", "periodSeconds", "successThreshold", "tcpSocket", "terminationGracePeriodSeconds", "timeoutSeconds",
	}
	httpGetFields = []string{"host", "httpHeaders", "path", "port", "scheme"} //nolint:gochecknoglobals // a table
	serviceFields = []string{                                                 //nolint:gochecknoglobals // a table
		"allocateLoadBalancerNodePorts", "clusterIP", "clusterIPs", "externalIPs", "externalName", "externalTrafficPolicy", "healthCheckNodePort", "internalTrafficPolicy",
		"ipFamilies", "ipFamilyPolicy", "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges", "ports", "publishNotReadyAddresses", "selector", "sessionAffinity",
		"sessionAffinityConfig", "trafficDistribution", "type",
	}
	portFields = []string{"containerPort", "hostIP", "hostPort", "name", "protocol"} //nolint:gochecknoglobals // a table
)

// removed are API versions that no cluster of today knows, with what took their place.
var removed = map[string]string{ //nolint:gochecknoglobals // a table
	"extensions/v1beta1": "apps/v1 or networking.k8s.io/v1", "apps/v1beta1": "apps/v1", "apps/v1beta2": "apps/v1", "networking.k8s.io/v1beta1": "networking.k8s.io/v1",
	"policy/v1beta1": "policy/v1", "batch/v1beta1": "batch/v1", "autoscaling/v2beta1": "autoscaling/v2", "autoscaling/v2beta2": "autoscaling/v2",
	"rbac.authorization.k8s.io/v1beta1": "rbac.authorization.k8s.io/v1",
}
