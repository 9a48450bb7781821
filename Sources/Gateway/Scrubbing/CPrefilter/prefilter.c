#include "CPrefilter.h"
int agentshield_prefilter_version(void) { return 1; }
