//! Names of the engine: KubeVirt and CDI. Source: their own API and release manifests.

/// Group of KubeVirt's own kinds.
pub const KUBEVIRT_GROUP: &str = "kubevirt.io";
/// Group of CDI's own kinds.
pub const CDI_GROUP: &str = "cdi.kubevirt.io";
/// Label on every Deployment of the engine; the value names the component.
pub const COMPONENT_LABEL: &str = "kubevirt.io";
/// Label on every Deployment of CDI and its pods; the value names the component.
pub const CDI_COMPONENT_LABEL: &str = "cdi.kubevirt.io";
/// Label selectors of what KubeVirt and CDI are made of. Pods of guests and of imports carry the same labels, with other
/// values.
pub const COMPONENTS: [&str; 2] = [
    "kubevirt.io in (virt-operator,virt-api,virt-controller,virt-handler,virt-exportproxy)",
    "cdi.kubevirt.io in (cdi-operator,cdi-apiserver,cdi-deployment,cdi-uploadproxy)",
];
/// Value of [`COMPONENT_LABEL`] on the Deployment of KubeVirt's operator.
pub const VIRT_OPERATOR: &str = "virt-operator";
/// Value of [`COMPONENT_LABEL`] on the DaemonSet that must be ready where VMs are to run.
pub const VIRT_HANDLER: &str = "virt-handler";
/// Name that we give a KubeVirt object of ours.
pub const KUBEVIRT_NAME: &str = "kubevirt";
/// Name that we give a CDI object of ours.
pub const CDI_NAME: &str = "cdi";
/// `status.phase` of a KubeVirt or CDI object whose components are all there.
pub const PHASE_DEPLOYED: &str = "Deployed";
