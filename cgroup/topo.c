#include "cgroup/topo.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VENDOR_NVIDIA 0x10de
#define VENDOR_AMD 0x1002
#define PCI_CLASS_DISPLAY 0x03 /* high byte of a PCI class */

struct sy_topo {
    hwloc_topology_t hwloc;
    hwloc_bitmap_t taken; /* hardware threads that sy_topo_take gave away */
    bool real;            /* this machine */
};

static int set_source(struct sy_topo *topo, const char *source, struct sy_error *err)
{
    if (!source)
        return 0;
    if (strncmp(source, "synthetic:", 10) == 0) {
        if (hwloc_topology_set_synthetic(topo->hwloc, source + 10) != 0)
            return sy_fail(err, SY_E_PARSE, "synthetic topology \"%.120s\" does not parse",
                           source + 10);
        return 0;
    }
    if (strncmp(source, "xml:", 4) == 0) {
        if (hwloc_topology_set_xml(topo->hwloc, source + 4) != 0)
            return sy_fail(err, SY_E_NOT_FOUND, "topology file %.200s cannot be read", source + 4);
        return 0;
    }
    return sy_fail(err, SY_E_ARG, "topology source \"%.80s\": expected synthetic:... or xml:PATH",
                   source);
}

int sy_topo_create(struct sy_topo **ret, const char *source, struct sy_error *err)
{
    struct sy_topo *topo = calloc(1, sizeof *topo);
    if (!topo)
        return sy_fail(err, SY_E_NOMEM, "no memory for the topology");
    int rc = 0;
    topo->taken = hwloc_bitmap_alloc();
    if (!topo->taken || hwloc_topology_init(&topo->hwloc) != 0) {
        topo->hwloc = NULL;
        rc = sy_fail(err, SY_E_NOMEM, "no memory for the topology");
    }
    if (rc == 0)
        rc = set_source(topo, source, err);
    if (rc == 0) {
        hwloc_topology_set_io_types_filter(topo->hwloc, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
        if (hwloc_topology_load(topo->hwloc) != 0)
            rc = sy_fail(err, SY_E_IO, "the topology of %s cannot be read",
                         source ? source : "this machine");
    }
    if (rc == 0 && hwloc_get_nbobjs_by_type(topo->hwloc, HWLOC_OBJ_CORE) <= 0)
        rc = sy_fail(err, SY_E_UNSUPPORTED, "the topology of %s shows no cores",
                     source ? source : "this machine");
    if (rc != 0) {
        sy_topo_destroy(topo);
        return rc;
    }
    topo->real = hwloc_topology_is_thissystem(topo->hwloc) == 1;
    *ret = topo;
    return 0;
}

void sy_topo_destroy(struct sy_topo *topo)
{
    if (!topo)
        return;
    if (topo->hwloc)
        hwloc_topology_destroy(topo->hwloc);
    hwloc_bitmap_free(topo->taken);
    free(topo);
}

static unsigned count_type(const struct sy_topo *topo, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(topo->hwloc, type);
    return count > 0 ? (unsigned)count : 0;
}

unsigned sy_topo_core_count(const struct sy_topo *topo)
{
    return count_type(topo, HWLOC_OBJ_CORE);
}

unsigned sy_topo_node_count(const struct sy_topo *topo)
{
    return count_type(topo, HWLOC_OBJ_NUMANODE);
}

/* Free cores inside `set`; at most `wanted` of them are added to pick when that is not NULL. */
static unsigned scan_free(const struct sy_topo *topo, hwloc_const_bitmap_t set, unsigned wanted,
                          hwloc_bitmap_t pick)
{
    unsigned found = 0;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(topo->hwloc, HWLOC_OBJ_CORE, core)) != NULL) {
        if (!hwloc_bitmap_isincluded(core->cpuset, set) ||
            hwloc_bitmap_intersects(core->cpuset, topo->taken))
            continue;
        if (pick && found < wanted)
            hwloc_bitmap_or(pick, pick, core->cpuset);
        found++;
    }
    return found;
}

unsigned sy_topo_cores_free(const struct sy_topo *topo)
{
    return scan_free(topo, hwloc_topology_get_topology_cpuset(topo->hwloc), 0, NULL);
}

/* The object of `type` with the fewest free cores that has at least `cores`: best fit keeps the
 * large holes for large slots. */
static hwloc_obj_t best_fit(const struct sy_topo *topo, hwloc_obj_type_t type, unsigned cores)
{
    hwloc_obj_t best = NULL, object = NULL;
    unsigned best_free = 0;
    while ((object = hwloc_get_next_obj_by_type(topo->hwloc, type, object)) != NULL) {
        unsigned available = scan_free(topo, object->cpuset, 0, NULL);
        if (available >= cores && (!best || available < best_free)) {
            best = object;
            best_free = available;
        }
    }
    return best;
}

static int fill_place(const struct sy_topo *topo, hwloc_const_bitmap_t cpus, unsigned cores,
                      struct sy_topo_place *ret, struct sy_error *err)
{
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
    if (!nodes)
        return sy_fail(err, SY_E_NOMEM, "no memory for a core set");
    hwloc_cpuset_to_nodeset(topo->hwloc, cpus, nodes);
    struct sy_topo_place place = {.cores = cores};
    int cpu_bytes = hwloc_bitmap_list_snprintf(place.cpus, sizeof place.cpus, cpus);
    int mem_bytes = hwloc_bitmap_list_snprintf(place.mems, sizeof place.mems, nodes);
    int threads = hwloc_bitmap_weight(cpus), first = hwloc_bitmap_first(nodes);
    hwloc_bitmap_free(nodes);
    if (cpu_bytes < 0 || (size_t)cpu_bytes >= sizeof place.cpus || mem_bytes < 0 ||
        (size_t)mem_bytes >= sizeof place.mems)
        return sy_fail(err, SY_E_LIMIT, "the core list is longer than %d bytes",
                       SY_CGROUP_LIST_BYTES - 1);
    place.threads = threads > 0 ? (unsigned)threads : 0;
    place.node = first > 0 ? (unsigned)first : 0;
    *ret = place;
    return 0;
}

int sy_topo_take(struct sy_topo *topo, unsigned cores, struct sy_topo_place *ret,
                 struct sy_error *err)
{
    if (cores == 0)
        return fill_place(topo, hwloc_topology_get_topology_cpuset(topo->hwloc),
                          sy_topo_core_count(topo), ret, err);
    hwloc_obj_t home = best_fit(topo, HWLOC_OBJ_L3CACHE, cores);
    if (!home)
        home = best_fit(topo, HWLOC_OBJ_NUMANODE, cores);
    if (!home)
        return sy_fail(err, SY_E_RESOURCE,
                       "no NUMA node has %u free cores (%u of %u cores are free): ask for fewer "
                       "cores or fewer slots",
                       cores, sy_topo_cores_free(topo), sy_topo_core_count(topo));
    hwloc_bitmap_t pick = hwloc_bitmap_alloc();
    if (!pick)
        return sy_fail(err, SY_E_NOMEM, "no memory for a core set");
    scan_free(topo, home->cpuset, cores, pick);
    int rc = fill_place(topo, pick, cores, ret, err);
    if (rc == 0)
        hwloc_bitmap_or(topo->taken, topo->taken, pick);
    hwloc_bitmap_free(pick);
    return rc;
}

/* ---------------------------------------------------------------- JSON ---------------------- */

static json_t *set_text(hwloc_const_bitmap_t set)
{
    char text[SY_CGROUP_LIST_BYTES];
    hwloc_bitmap_list_snprintf(text, sizeof text, set);
    return json_string(text);
}

static json_t *nodes_json(const struct sy_topo *topo)
{
    json_t *list = json_array();
    hwloc_obj_t node = NULL;
    while ((node = hwloc_get_next_obj_by_type(topo->hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL)
        json_array_append_new(list, json_pack("{s:i,s:I,s:o}", "node", (int)node->os_index,
                                              "memory_bytes",
                                              (json_int_t)node->attr->numanode.local_memory, "cpus",
                                              set_text(node->cpuset)));
    return list;
}

static json_t *caches_json(const struct sy_topo *topo)
{
    json_t *list = json_array();
    hwloc_obj_t cache = NULL;
    while ((cache = hwloc_get_next_obj_by_type(topo->hwloc, HWLOC_OBJ_L3CACHE, cache)) != NULL)
        json_array_append_new(list, json_pack("{s:i,s:I,s:o}", "level", 3, "bytes",
                                              (json_int_t)cache->attr->cache.size, "cpus",
                                              set_text(cache->cpuset)));
    return list;
}

static const char *vendor_name(unsigned vendor)
{
    return vendor == VENDOR_NVIDIA ? "nvidia" : vendor == VENDOR_AMD ? "amd" : "other";
}

static json_t *gpus_json(const struct sy_topo *topo)
{
    json_t *list = json_array();
    hwloc_obj_t device = NULL;
    while ((device = hwloc_get_next_pcidev(topo->hwloc, device)) != NULL) {
        const struct hwloc_pcidev_attr_s *pci = &device->attr->pcidev;
        if (pci->class_id >> 8 != PCI_CLASS_DISPLAY)
            continue;
        char address[32];
        snprintf(address, sizeof address, "%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->dev,
                 pci->func);
        hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topo->hwloc, device);
        int node = near && near->nodeset ? hwloc_bitmap_first(near->nodeset) : -1;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s?,s:i}", "address", address, "vendor",
                                              vendor_name(pci->vendor_id), "name", device->name,
                                              "node", node));
    }
    return list;
}

json_t *sy_topo_json(const struct sy_topo *topo)
{
    return json_pack(
        "{s:s,s:i,s:i,s:o,s:o,s:o}", "source", topo->real ? "this machine" : "recorded", "cores",
        (int)sy_topo_core_count(topo), "threads", (int)count_type(topo, HWLOC_OBJ_PU), "nodes",
        nodes_json(topo), "caches", caches_json(topo), "gpus", gpus_json(topo));
}
