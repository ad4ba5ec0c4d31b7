sy_test(test_cgroup SOURCES test_cgroup.c LINK sealyard_cgroup)
sy_test(test_topo SOURCES test_topo.c LINK sealyard_cgroup)
