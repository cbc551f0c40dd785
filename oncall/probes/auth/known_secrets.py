"""Signing secrets that documentation, tutorials and boilerplates ship: what an attacker tries first.

Written without case and without separators, which is how they are compared: "your-secret-key" is "yoursecretkey".
"""

WORDS = """
    secret secret1 secret12 secret123 secret1234 secret12345 secretkey secretkey123 secrettoken secretpassword
    mysecret mysecretkey mysecrettoken mysupersecret mysupersecretkey mysupersecretjwtkey mysecretpassword
    thisismysecret supersecret supersecretkey supersecret123 supersecretjwt supersecretjwtkey supersecretjwttoken
    supersecretpassword supersecrettoken topsecret topsecretkey verysecret verysecretkey verysecretpassword
    superlongsecret sosecret shhhhh shhhh yoursecret yoursecretkey yoursecretkeyhere yoursecrethere yourjwtsecret
    yourjwtsecretkey yourjwtsecretkeyhere yourjwtsecrethere yoursupersecretkey yoursupersecretjwtkey
    yoursupersecretjwtsecret yoursecretjwtkey yoursecretkeychangeme yoursecretkeychangeinproduction
    yoursecretkeychangethisinproduction yourjwtsecretchangeinproduction yourjwtsecretkeychangeinproduction
    yourjwtsecretkeychangethisinproduction yoursupersecretjwtkeychangeinproduction
    yoursupersecretjwtkeychangethisinproduction yoursecretkeyhere123 your256bitsecret your384bitsecret
    your512bitsecret astringsecretatleast256bitslong avalidstringsecretthatisatleast512bitslongwhichisverylong
    averylongsecret averysecretkey asecretkey asecret jwtsecret jwtsecretkey jwtsecret123 jwtkey jwttoken jwt
    jwtprivatekey myjwtsecret myjwtsecretkey jwtsupersecret devsecret devsecretkey devjwtsecret developmentsecret
    developmentsecretkey testsecret testsecretkey testjwtsecret localsecret localsecretkey defaultsecret
    defaultsecretkey defaultjwtsecret fallbacksecret fallbacksecretkey examplesecret samplesecret dummysecret
    placeholder placeholdersecret insecure insecuresecret notsecure notasecret notsosecret changeme changemeplease
    pleasechangeme changemenow changemeinproduction changethis changethissecret changethiskey changethisinproduction
    changethistosomethingsecure changeit changesecret changemetoarandomstring replaceme replacethis
    replacewithyoursecret replacewithastrongsecret replacewithsecurerandomstring password password1 password123
    passw0rd admin admin123 root letmein qwerty welcome test test123 testing dev development default example sample
    demo foo bar foobar foobarbaz hello helloworld todo fixme xxx none null undefined string key token privatekey
    signingkey tokensecret authsecret appsecret apisecret sessionsecret accesstokensecret refreshtokensecret
    hmacsecret keyboardcat lorem loremipsum somesecret somesecretkey anysecret randomsecret randomstring
    secretstring thisisasecret thisisasecretkey thisisaverysecretkey thisissecret thisisthesecret ilovejwt
    nestjssecret expresssecret nodesecret 09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7
    jwtsecretchangeme changemejwtsecret mysecretjwt mysecretjwtkey jwtsecretkeychangeme secretjwt secretjwtkey
    superjwtsecret superdupersecret supersafesecret ultrasecret ultrasecretkey hardtoguesssecret hardtoguess
    keepitsecret keepthissecret thisshouldbechanged setme setthis fillme yourkey yourkeyhere yourtoken
    yourtokensecret yourprivatekey yourrandomsecret yourrandomstring yourrandomsecretkey yourstrongsecret
    yourstrongsecretkey yoursecurejwtsecret yourverysecretkey yourverysecretkeyhere yourverysecurejwtsecret
    yourverylongsecret yourverylongsecretkey yourverysecurejwtsecretkey minlengthof32charactersforsecurity
    abcdefghijklmnopqrstuvwxyz abcdef abc123 abcd1234 12345 123456 1234567 12345678 123456789 1234567890
    0123456789abcdef motel motelsecret moteljwtsecret productionsecret prodsecret stagingsecret
"""
WELL_KNOWN = frozenset(WORDS.split())
