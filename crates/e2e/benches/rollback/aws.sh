#!/bin/sh
# AWS, CDK, npm and git as a deployment types them, for one shop at home. Each alias is a file with the version that serves; the
# gateway reads it at each request. `deploys` names the version that the next deployment brings.
set -eu
here=$(dirname "$0")
program=$(basename "$0")
echo "$program $*" >> "$here/typed"

after() { # the word behind a word
    wanted=$1
    shift
    while [ $# -gt 0 ]; do
        if [ "$1" = "$wanted" ]; then
            echo "$2"
            return
        fi
        shift
    done
}
file() {
    echo "$here/$(echo "$1" | tr / _)"
}

case "$program $*" in
"git status"*) ;;
# What is deployed is another commit each time.
"git rev-parse"*) printf '%040d\n' "$(cat "$here/deploys")" ;;
"git "*) ;;
"node --version") echo v20.20.2 ;;
"npm "*) echo 11.0.0 ;;
"aws --version") echo aws-cli/2.0.0 ;;
"aws sts get-caller-identity"*) echo 000000000000 ;;
"aws cloudformation describe-stacks"*) cat "$here/address" ;;
"aws cloudformation get-template"*) echo '"Stack does not exist"' >&2; exit 254 ;;
"aws ssm get-parameter"*)
    cat "$(file "$(after --name "$@")")" 2>/dev/null || { echo "ParameterNotFound" >&2; exit 254; }
    ;;
"aws ssm put-parameter"*) after --value "$@" > "$(file "$(after --name "$@")")" ;;
"aws ssm delete-parameter"*) rm "$(file "$(after --name "$@")")" ;;
"aws secretsmanager describe-secret"*) echo '{"1": ["AWSPREVIOUS"], "2": ["AWSCURRENT"]}' ;;
"aws lambda get-alias"*) cat "$(file "$(after --function-name "$@")")" ;;
"aws lambda update-alias"*) after --function-version "$@" > "$(file "$(after --function-name "$@")")" ;;
"aws lambda invoke"*) echo '{"StatusCode": 200}' ;;
"aws lambda list-versions-by-function"*) echo '["$LATEST", "1", "2", "3"]' ;;
"aws cloudwatch "*) ;;
"npx cdk synth"*)
    folder=$(after --output "$@")
    mkdir -p "$folder"
    # A service that reads one secret, which its owner sets.
    cat > "$folder/bodega-dev-data.template.json" <<'END'
{"Resources": {"Key": {"Type": "AWS::SecretsManager::Secret",
    "Properties": {"Name": "bodega/dev/STRIPE_SECRET_KEY", "SecretString": "to-be-set"}}}}
END
    for stack in bodega-dev-transaction-service-migrate bodega-dev-transaction-service; do
        cat > "$folder/$stack.template.json" <<'END'
{"Resources": {"Alias": {"Type": "AWS::Lambda::Alias"}, "Function": {"Type": "AWS::Lambda::Function",
    "Properties": {"Environment": {"Variables": {"STRIPE_SECRET_KEY": "secretsmanager:bodega/dev/STRIPE_SECRET_KEY"}}}}}}
END
    done
    ;;
"npx cdk diff"*) ;;
"npx cdk deploy bodega-dev-transaction-service --"*)
    for trigger in http sweep; do
        cp "$here/deploys" "$here/bodega-dev-transaction-service-$trigger"
    done
    tries=0
    while [ "$(cat "$here/deploys")" = 2 ] && [ ! -e "$here/met" ] && [ $tries -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    ;;
"npx cdk deploy"*) ;;
*)
    echo "this rehearsal knows no: $program $*" >&2
    exit 1
    ;;
esac
