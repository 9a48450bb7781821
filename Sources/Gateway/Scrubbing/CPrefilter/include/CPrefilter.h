#ifndef CPREFILTER_H
#define CPREFILTER_H
int agentshield_prefilter_version(void);
#endif
