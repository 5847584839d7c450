# sawt: from a ChatML manifest to a trained checkpoint.
#
#   make -f pipeline.mk all                        everything, on the example
#   make -f pipeline.mk all DATA_PATH=my.jsonl     everything, on your data
#   make -f pipeline.mk featurize                  one stage and what it needs
#   make -f pipeline.mk help                       targets and variables
#
# A stage runs when its options stamp, WORK/.options/STAGE, is newer than what it made. The stamp holds the stage's
# command line, its output version and a fingerprint of its inputs, and is rewritten only when one of them changes: so a
# changed option, a touched manifest, or another and older manifest reruns what depends on it, and nothing else.
# Every stage writes under a temporary name and renames, and its index (make's file) comes last.

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

## Variables
DATA_PATH  ?= examples/arabic-mini/manifest.json
AUDIO_ROOT ?=
TOKENIZER  ?=
CODEC      ?=
CONFIG     ?= configs/tiny.yaml
MODEL      ?=
FEATURES   ?= auto
WORK       ?= work
OUTPUT_DIR ?= runs/tiny
REPORT     ?= $(WORK)/report.html
JOBS       ?= $(shell nproc 2>/dev/null || echo 1)

INGEST_FLAGS    ?=
FEATURIZE_FLAGS ?=
TOKENIZE_FLAGS  ?=
TRAIN_FLAGS     ?=

## Building
# The binaries are built for the machine they run on: SIMD kernels use what it has. Package.swift looks for oneDNN, so its
# answer is not kept from a time before setup.
SWIFT_FLAGS := --manifest-cache none -Xswiftc -Xcc -Xswiftc -march=native
BIN         := .build/release
BUILT       := .build/.sawt-built
SOURCES     := $(shell find Sources -type f 2>/dev/null) Package.swift
PACKAGES    := libsndfile1-dev libflac-dev libogg-dev libvorbis-dev libsamplerate0-dev libopenblas-dev libzstd-dev \
               libxxhash-dev zlib1g-dev libpng-dev pkg-config
MODULES     := sndfile flac ogg vorbisfile samplerate openblas libzstd libxxhash zlib libpng
# What train uses where it is, to multiply bfloat16: oneDNN, which has no pkg-config file. SAWT_ONEDNN=no goes without.
OPTIONAL    := libdnnl-dev

## Places
STAMPS     := $(WORK)/.options
RAN        := $(STAMPS)/ran
CODEC_DIR  := $(if $(CODEC),$(CODEC),$(WORK)/codec)
FINAL      := $(OUTPUT_DIR)/final/trainer_state.json

# Under `make -j`, featurize and tokenize run side by side and share the workers.
is_parallel = $(filter -j% --jobserver-auth=%,$(MAKEFLAGS))
shared_jobs = $(if $(is_parallel),$(shell echo $$(( $(JOBS) > 1 ? $(JOBS) / 2 : 1 ))),$(JOBS))

## Command lines, one a stage; the stamps hold them
ingest_line    = ingest --data-path "$(DATA_PATH)" --output "$(WORK)" $(if $(AUDIO_ROOT),--audio-root "$(AUDIO_ROOT)") \
                 $(if $(TOKENIZER),--tokenizer "$(TOKENIZER)") $(INGEST_FLAGS) --replace
featurize_line = featurize --input "$(WORK)/audio" --output "$(WORK)/features" $(FEATURIZE_FLAGS) --replace
fit_line       = tokenize fit --input "$(WORK)/audio" --output "$(CODEC_DIR)" --replace
tokenize_line  = tokenize encode --input "$(WORK)/audio" --output "$(WORK)/codes" --codec "$(CODEC_DIR)" \
                 $(TOKENIZE_FLAGS) --replace
model_flags    = --config "$(CONFIG)" --data-path "$(WORK)" --output-dir "$(OUTPUT_DIR)" \
                 $(if $(MODEL),--model "$(MODEL)") $(TRAIN_FLAGS)
train_line     = train run $(model_flags) --resume --replace

# Does the model read audio_features? auto asks its config.
features_wanted = $(if $(filter auto,$(FEATURES)),$$($(BIN)/train features $(model_flags)),$(FEATURES))

# What a file is: its size and time of change; the same name with other content is another input.
stat_of = stat -L -c '%n %s %y' $(1) 2>/dev/null || echo '$(1): absent'
# What a small file says: its checksum.
sum_of  = cksum $(1) 2>/dev/null || echo '$(1): absent'

# Rewrites a stamp when its new content, on standard input, differs.
stamp = mkdir -p "$(STAMPS)" && cat >"$@.new" && \
        if cmp -s "$@.new" "$@"; then rm "$@.new"; else mv "$@.new" "$@"; fi
ran   = echo "$(1)" >>"$(RAN)"

.PHONY: all
all: train ## everything, then a summary of what lies where
	@if [ -s "$(RAN)" ]; then \
	    echo; $(BIN)/inspect "$(WORK)"; echo; $(BIN)/inspect "$(OUTPUT_DIR)"; \
	else echo "nothing to do: everything is up to date"; fi
	@rm -f "$(RAN)"
	@echo; printf '%-12s %s\n' "shards" "$(WORK)/{samples,audio,$(if $(wildcard $(WORK)/features/index.json),features$(comma))codes}" \
	    "rejects" "$(WORK)/rejects.jsonl" "codec" "$(CODEC_DIR)" "run" "$(OUTPUT_DIR) (metrics.jsonl, checkpoint-N)" \
	    "checkpoint" "$(OUTPUT_DIR)/final"
comma := ,

.PHONY: help
help: ## this text
	@echo "sawt: ChatML manifest -> shards -> trained checkpoint"; echo; echo "targets:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'
	@echo; echo "variables (make -f pipeline.mk all NAME=value):"
	@printf '  %-16s %s\n' DATA_PATH "the manifest: JSON array or JSONL [$(DATA_PATH)]" \
	    AUDIO_ROOT "audio paths resolve, and must stay, below it [the manifest's folder]" \
	    TOKENIZER "a Hugging Face tokenizer.json [built-in bytes]" \
	    CODEC "a codec directory [fitted into WORK/codec]" \
	    CONFIG "the training config [$(CONFIG)]" MODEL "a checkpoint directory to start from [the config's]" \
	    FEATURES "auto, yes or no: run featurize [$(FEATURES): asks the model's config]" \
	    WORK "where the shards go [$(WORK)]" OUTPUT_DIR "where the run goes [$(OUTPUT_DIR)]" \
	    REPORT "where the page goes [$(REPORT)]" \
	    JOBS "workers of the data stages [$(JOBS)]" \
	    "STAGE_FLAGS" "more flags: INGEST_FLAGS, FEATURIZE_FLAGS, TOKENIZE_FLAGS, TRAIN_FLAGS"

## The machine
.PHONY: setup
setup: ## installs the C libraries that are missing (apt, as root or through sudo)
	@missing=""; optional=""; \
	command -v pkg-config >/dev/null && pkg-config --exists $(MODULES) || missing="$(PACKAGES)"; \
	[ "$$(uname -m)" != x86_64 ] || [ "$${SAWT_ONEDNN:-}" = no ] || [ -e /usr/include/dnnl.h ] || optional="$(OPTIONAL)"; \
	if ! command -v swift >/dev/null; then \
	    echo "setup: swift is missing; install Swift 6.2 or newer from swift.org and run this again" >&2; exit 1; fi; \
	if [ -z "$$missing$$optional" ]; then echo "setup: swift and all C libraries are here"; exit 0; fi; \
	without="products with frozen bfloat16 weights will be made in float32"; \
	cannot() { \
	    if [ -n "$$missing" ]; then echo "setup: $$1: $$missing $$optional" >&2; exit 1; fi; \
	    echo "setup: $$1: $$optional; without it, $$without" >&2; exit 0; }; \
	command -v apt-get >/dev/null || cannot "install what your system calls these Debian packages"; \
	if [ "$$(id -u)" = 0 ]; then as=""; elif command -v sudo >/dev/null; then as="sudo "; else \
	    cannot "as root, run apt-get install -y"; fi; \
	echo "setup: $${as}apt-get install -y $$missing $$optional"; \
	apt="$${as}env DEBIAN_FRONTEND=noninteractive apt-get"; \
	$$apt update -qq; \
	[ -z "$$missing" ] || $$apt install -y -qq $$missing >/dev/null; \
	[ -z "$$optional" ] || $$apt install -y -qq $$optional >/dev/null || \
	    echo "setup: $$optional cannot be installed: $$without" >&2; \
	pkg-config --exists --print-errors $(MODULES)

.PHONY: build
build: $(BUILT) ## builds the programs for this machine

$(BUILT): $(SOURCES)
	@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) setup
	swift build -c release $(SWIFT_FLAGS)
	@touch $@

## Stamps: FORCEd, so looked at each time, but rewritten only when they differ
.PHONY: FORCE
FORCE:

$(STAMPS)/ingest: $(BUILT) FORCE
	@{ echo '$(ingest_line)'; $(BIN)/ingest --version; $(call stat_of,"$(DATA_PATH)"); \
	   $(if $(TOKENIZER),$(call stat_of,"$(TOKENIZER)");) } | { $(stamp); }

$(STAMPS)/featurize: $(WORK)/audio/index.json $(BUILT) FORCE
	@{ echo '$(featurize_line)'; $(BIN)/featurize --version; $(call sum_of,"$(WORK)/audio/index.json"); } | { $(stamp); }

$(STAMPS)/fit: $(WORK)/audio/index.json $(BUILT) FORCE
	@{ echo '$(fit_line)'; $(BIN)/tokenize --version; $(call sum_of,"$(WORK)/audio/index.json"); } | { $(stamp); }

$(STAMPS)/tokenize: $(WORK)/audio/index.json $(CODEC_DIR)/config.json $(BUILT) FORCE
	@{ echo '$(tokenize_line)'; $(BIN)/tokenize --version; $(call sum_of,"$(WORK)/audio/index.json"); \
	   $(call sum_of,"$(CODEC_DIR)/config.json"); \
	   $(if $(CODEC),$(call stat_of,"$(CODEC_DIR)/model.safetensors");) } | { $(stamp); }

$(STAMPS)/train: $(WORK)/samples/index.json $(WORK)/codes/index.json $(STAMPS)/features-for-train $(CONFIG) $(BUILT) FORCE
	@{ echo '$(train_line)'; $(BIN)/train --version; $(call sum_of,"$(CONFIG)"); \
	   $(if $(MODEL),$(call sum_of,"$(MODEL)/config.json"); $(call stat_of,"$(MODEL)"/*.safetensors);) \
	   $(call sum_of,"$(WORK)/samples/index.json"); $(call sum_of,"$(WORK)/codes/index.json"); \
	   cat "$(STAMPS)/features-for-train"; } | { $(stamp); }

# The features, where the model reads them: made by a make of its own, since only the built trainer can tell.
$(STAMPS)/features-for-train: $(WORK)/audio/index.json $(BUILT) $(CONFIG) FORCE
	@wanted="$(features_wanted)"; \
	case "$$wanted" in yes) $(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) "$(WORK)/features/index.json" >&2 ;; \
	    no) ;; *) echo "FEATURES is auto, yes or no, not '$$wanted'" >&2; exit 2 ;; esac; \
	{ echo "features: $$wanted"; [ "$$wanted" = no ] || $(call sum_of,"$(WORK)/features/index.json"); } | { $(stamp); }

## Stages
.PHONY: ingest featurize tokenize train
ingest: $(WORK)/audio/index.json $(WORK)/samples/index.json ## manifest and audio files -> WORK/samples, WORK/audio
featurize: $(WORK)/features/index.json ## audio -> WORK/features: Whisper log-mels
tokenize: $(WORK)/codes/index.json ## audio -> WORK/codes: codebook tokens (fits WORK/codec first, without CODEC)
train: $(FINAL) ## samples, features, codes -> OUTPUT_DIR: checkpoints, metrics

$(WORK)/audio/index.json: $(STAMPS)/ingest
	$(BIN)/$(ingest_line) --workers $(JOBS)
	@$(call ran,ingest)

# Ingest writes samples/index.json before audio/index.json; where only the former was lost, it is made again.
$(WORK)/samples/index.json: $(WORK)/audio/index.json
	@[ -e "$@" ] || $(BIN)/$(ingest_line) --workers $(JOBS)

$(WORK)/features/index.json: $(STAMPS)/featurize
	$(BIN)/$(featurize_line) --workers $(shared_jobs)
	@$(call ran,featurize)

ifeq ($(CODEC),)
$(CODEC_DIR)/config.json: $(STAMPS)/fit
	$(BIN)/$(fit_line) --workers $(shared_jobs)
	@$(call ran,fit)
endif

$(WORK)/codes/index.json: $(STAMPS)/tokenize
	$(BIN)/$(tokenize_line) --workers $(shared_jobs)
	@$(call ran,tokenize)

$(FINAL): $(STAMPS)/train
	$(BIN)/$(train_line)
	@$(call ran,train)

## Looking and checking
.PHONY: check inspect report
check: $(WORK)/samples/index.json $(WORK)/codes/index.json $(STAMPS)/features-for-train ## the trainer's preflight: a table of what would break
	$(BIN)/train check $(model_flags)

inspect: $(BUILT) ## what WORK holds
	@$(BIN)/inspect "$(WORK)"

report: $(WORK)/samples/index.json $(WORK)/codes/index.json ## one page about WORK, to read and hear in a browser -> REPORT
	@$(BIN)/inspect "$(WORK)" --html "$(REPORT)" $(if $(CODEC),--codec "$(CODEC)")

## Tests
# A scratch folder of their own: testable builds and the programs' builds would undo each other.
TEST_FLAGS := -c release --scratch-path .build-tests -Xswiftc -enable-testing $(SWIFT_FLAGS)

.PHONY: test lint bench mutate torture clean
test: setup ## unit, golden, property and end-to-end tests
	swift build --build-tests $(TEST_FLAGS)
	swift test --skip-build $(TEST_FLAGS)

lint: ## swift format, as CI runs it
	swift format lint --strict --recursive Sources Tests Package.swift

bench: $(BUILT) ## times and peak memory of the data path (PEER_PYTHON=python: the Python chain beside it)
	$(BIN)/bench $(if $(PEER_PYTHON),--peer-python "$(PEER_PYTHON)") $(BENCH_FLAGS)

torture: $(BUILT) ## kills every stage at random moments, goes on, compares all bytes (TORTURE_FLAGS="--kills 50 --seed 7")
	$(BIN)/torture $(TORTURE_FLAGS)

mutate: $(BUILT) ## damages files of every format thousands of times and opens them (MUTATE_FLAGS="--seed 7")
	$(BIN)/mutate $(MUTATE_FLAGS)

clean: ## removes WORK and OUTPUT_DIR, where they are what all made, and nothing else
	@if [ -e "$(WORK)" ] && [ ! -d "$(STAMPS)" ]; then \
	    echo "clean: $(WORK) was not made by this Makefile (no .options in it); remove it yourself" >&2; exit 1; fi
	@if [ -e "$(OUTPUT_DIR)" ] && [ ! -e "$(OUTPUT_DIR)/config.yaml" ]; then \
	    echo "clean: $(OUTPUT_DIR) is not a run (no config.yaml in it); remove it yourself" >&2; exit 1; fi
	rm -rf "$(WORK)" "$(OUTPUT_DIR)"
